/** Texts mark code with backticks, as Markdown does; everything else is taken as it is. */
export function showRichText(element: HTMLElement, text: string): void {
  const parts = text.split(/`([^`]*)`/);
  element.replaceChildren(
    ...parts.map((part, index) => {
      if (index % 2 === 0) return document.createTextNode(part);
      const code = document.createElement("code");
      code.textContent = part;
      return code;
    }),
  );
}
