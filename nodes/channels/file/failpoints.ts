/** Places in the code where a test ends the process or lets something happen. In service nothing happens there. */
export type Failpoint =
  | "put-written"
  | "put-synced"
  | "take-written"
  | "take-synced"
  | "segment-zeroed"
  | "segment-headed"
  | "segment-named"
  | "segment-rolled"
  | "segment-dropped"
  | "checkpoint-written"
  | "checkpoint-synced"
  | "checkpoint-renamed"
  | "recovery-sealed"
  | "recovery-done";

export type AtFailpoint = (point: Failpoint) => void;

export const noFailpoint: AtFailpoint = () => undefined;
