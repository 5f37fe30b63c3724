import { statementsOf } from '../../support/stack-rules.ts';
import type { Rule } from './aws-type.ts';

/** A number in a documented range; a value that is absent is AWS's own default. */
export function within(path: string, min: number, max: number): Rule {
  return (inputs) => {
    const value = inputs.number(path);
    if (value === undefined || (value >= min && value <= max)) return undefined;
    return `${path} is ${value}; AWS takes ${min} to ${max}`;
  };
}

export function oneOf(path: string, ...values: readonly unknown[]): Rule {
  return (inputs) => {
    const value = inputs.value(path);
    if (value === undefined || values.includes(value)) return undefined;
    return `${path} is ${JSON.stringify(value)}; AWS takes ${values.join(', ')}`;
  };
}

export function matches(path: string, shape: RegExp): Rule {
  return (inputs) => {
    if (!inputs.has(path) || shape.test(inputs.text(path))) return undefined;
    return `${path} is "${inputs.text(path)}"; AWS takes ${shape.source}`;
  };
}

export function charactersMax(path: string, max: number): Rule {
  return (inputs) => {
    const { length } = inputs.text(path);
    return length <= max ? undefined : `${path} has ${length} characters; AWS takes ${max}`;
  };
}

export function itemsMax(path: string, max: number): Rule {
  return (inputs) => {
    const { length } = inputs.list(path);
    return length <= max ? undefined : `${path} has ${length} items; AWS takes ${max}`;
  };
}

export function json(path: string): Rule {
  return (inputs) => {
    if (!inputs.has(path)) return undefined;
    try {
      inputs.json(path);
      return undefined;
    } catch {
      return `${path} is no JSON: ${inputs.text(path).slice(0, 80)}`;
    }
  };
}

const ARN = /^arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws)?:.+$/;

/**
 * A policy document that IAM takes: a version it knows, an effect, actions of the form `service:Action`, and either a principal or none, by the kind of policy.
 */
export function policy(path: string, kind: 'identity' | 'resource' | 'trust'): Rule {
  return (inputs) => {
    if (!inputs.has(path)) return undefined;
    let statements;
    try {
      statements = statementsOf(inputs.text(path));
    } catch (error) {
      return `MalformedPolicyDocument: ${path}: ${String(error)}`;
    }
    if (statements.length === 0) return `MalformedPolicyDocument: ${path} has no statement`;
    for (const { effect, actions, resources, principal } of statements) {
      const wrong =
        effect !== 'Allow' && effect !== 'Deny'
          ? `the effect ${effect}`
          : (actions.find((action) => !/^[a-z0-9-]+:[A-Za-z*]+$/.test(action)) ??
            (kind === 'trust' ? undefined : resources.find((one) => one !== '*' && !ARN.test(one))));
      if (wrong !== undefined) return `MalformedPolicyDocument: ${path} has ${wrong}`;
      if ((kind === 'identity') !== (principal === undefined))
        return `MalformedPolicyDocument: ${path} ${kind === 'identity' ? 'names a principal' : 'names no principal'}`;
    }
    return undefined;
  };
}
