// A button that copies a text; also where the browser keeps its clipboard from pages without TLS, as in a class room's network.

/** @param {string} text @returns {boolean} */
function copyByHand(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.style.cssText = "position:fixed;opacity:0";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

/** @param {{data: {text: string}, parentElement: HTMLElement}} component */
export default function copyButton({ data, parentElement }) {
  const button = /** @type {HTMLButtonElement} */ (parentElement.querySelector("button"));
  /** @param {boolean} copied */
  const tell = (copied) => {
    button.textContent = copied ? "Copied" : "Mark the link and copy it";
    setTimeout(() => { button.textContent = "Copy the link"; }, 2500);
  };
  button.onclick = () => {
    if (!navigator.clipboard) tell(copyByHand(data.text));
    else navigator.clipboard.writeText(data.text).then(() => tell(true), () => tell(copyByHand(data.text)));
  };
}
