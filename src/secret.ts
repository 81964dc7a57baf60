// A string that must not be shown. It prints as `[secret]` in logs, errors, JSON and the debugger; only `reveal` gives
// it back, so every use can be found by searching for that word. Comparing goes through `isEqualTo`, in constant time.
import { createHash, timingSafeEqual } from 'node:crypto';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  /** Compares in a time that depends on neither value: both are hashed first, so lengths do not show either. */
  isEqualTo(candidate: string): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(this.#value), digest(candidate));
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
