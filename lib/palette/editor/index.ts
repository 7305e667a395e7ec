/** What the generated html of each node calls, as `Headrace.…`. */
export { declare } from "./declarations.js";
export { closeForm, openForm, saveForm } from "./form.js";
export { inputLabel, nodeLabel, outputLabel } from "./labels.js";
export { addPreview } from "./preview.js";
export { validate } from "./validation.js";
