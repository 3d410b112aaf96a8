/** The error of a service that cannot work now: worth retrying later. */

export interface UnavailableOptions extends ErrorOptions {
  /**
   * Why, in words fit for the public: no address, no name, no message of the service.
   * @default "not
   * reachable"
   */
  readonly why?: string;
}

/** Thrown when a service cannot be reached, refuses the login, or does not respond in time. */
export class UnavailableError extends Error {
  override readonly name: string = "UnavailableError";
  /** Shown by `/health/ready`. */
  readonly why: string;

  constructor(message: string, { why = "not reachable", ...options }: UnavailableOptions = {}) {
    super(message, options);
    this.why = why;
  }
}
