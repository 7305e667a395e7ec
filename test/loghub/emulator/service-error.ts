/** What the service answers instead of doing what it was asked. */
export class ServiceError extends Error {
  readonly status: number;
  /** As in the service's table of error codes: "ShardNotExist". */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const parameterInvalid = (message: string): ServiceError => new ServiceError(400, "ParameterInvalid", message);
