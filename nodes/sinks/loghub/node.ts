import type { NodeRed } from "../../../lib/palette/runtime/node-red.js";
import { registerComponent } from "../../../lib/palette/runtime/register.js";
import { component } from "./component.js";

export default (red: NodeRed): void => registerComponent(red, component);
