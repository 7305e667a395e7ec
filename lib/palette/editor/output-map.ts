/**
 * Node-RED moves wires when a list that makes output ports is changed, if it is told where each port went: a map of
 * old port to new port, "-1" for ports that are gone, and a key that is no number for each new one.
 */
export function outputMap(
  rows: readonly (number | undefined)[],
  before: { rows: number; deadLetter: boolean },
  after: { deadLetter: boolean },
  fixed: number,
): Record<string, string> {
  const map: Record<string, string> = {};
  // Ports that do not come from rows stand before them and stay where they are.
  for (let port = 0; port < fixed; port++) map[port] = String(port);
  for (let row = 0; row < before.rows; row++) map[fixed + row] = "-1";
  rows.forEach((old, index) => {
    map[old === undefined ? `new${index}` : String(fixed + old)] = String(fixed + index);
  });
  const oldDeadLetter = String(fixed + before.rows);
  const newDeadLetter = String(fixed + rows.length);
  if (before.deadLetter) map[oldDeadLetter] = after.deadLetter ? newDeadLetter : "-1";
  else if (after.deadLetter) map["newDeadLetter"] = newDeadLetter;
  return map;
}
