import { content } from "./content.js";
import { inAFlow } from "./in-a-flow.js";
import { order } from "./order.js";
import { room } from "./room.js";
import { transactions } from "./transactions.js";

/** What every channel does. */
export const channelBehaviours = { ...order, ...room, ...transactions, ...content, ...inAFlow };
