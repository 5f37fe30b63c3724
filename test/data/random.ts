export { Random } from '../../local/random.ts';
