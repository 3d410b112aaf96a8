/** Creates elements in one expression. */

/** Makes an element: attributes by name, then children, which are elements or text. */
export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
