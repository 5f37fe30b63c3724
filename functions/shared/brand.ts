declare const brand: unique symbol;

/** A value of type `Base` that only its own parsing constructor makes, so that two kinds of text or number cannot be mixed up. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
