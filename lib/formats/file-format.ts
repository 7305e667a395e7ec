import type { EventBatch } from "../engine/batch.js";
import type { Content } from "../engine/content.js";

/** A kind of file, ready to be written. */
export interface FileFormat {
  /** Begins a file: what its pieces have in common, such as sync markers. */
  begin(): FileBody;
}

/** The content of one file, in pieces that follow each other. The file can be read after each of them. */
export interface FileBody {
  /** `first`: with what stands at the head of the file. A piece that got lost may be made again. */
  piece(batch: EventBatch, first: boolean): Promise<Content>;
}
