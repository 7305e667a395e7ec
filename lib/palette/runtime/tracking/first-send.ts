import type { NodeMessage, RedNode, SendEvent } from "../node-red.js";

/** What Node-RED's own `send` would make of the first message of an event. Classes, and no literals: one a message. */
export class FirstSend implements SendEvent {
  msg: NodeMessage;
  readonly source: SendEvent["source"];
  readonly destination: SendEvent["destination"];
  readonly cloneMessage = false;

  constructor(message: NodeMessage, node: RedNode, port: number, targetId: string) {
    this.msg = message;
    this.source = new SendSource(node, port);
    this.destination = new SendDestination(targetId);
  }
}

class SendSource {
  readonly id: string;
  readonly node: RedNode;
  readonly port: number;

  constructor(node: RedNode, port: number) {
    this.id = node.id;
    this.node = node;
    this.port = port;
  }
}

class SendDestination {
  readonly id: string;
  /** Node-RED looks it up. */
  readonly node: RedNode | undefined = undefined;

  constructor(id: string) {
    this.id = id;
  }
}
