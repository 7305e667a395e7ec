/**
 * Whether the node with this run-time id is in the flow, disabled or not. Nodes inside a subflow instance
 * have ids `<instance>-<template node>`, which stand in the flow only as their parts.
 */
export function isInFlow(flows: readonly { id: string }[], id: string): boolean {
  const ids = new Set(flows.map((node) => node.id));
  return isKnown(ids, id);
}

function isKnown(ids: ReadonlySet<string>, id: string): boolean {
  if (ids.has(id)) return true;
  for (let dash = id.indexOf("-"); dash > 0; dash = id.indexOf("-", dash + 1)) {
    if (ids.has(id.slice(0, dash)) && isKnown(ids, id.slice(dash + 1))) return true;
  }
  return false;
}
