"""What cannot be read well on a page of Streamlit's: too little contrast, or too small. The player, in a shadow, is not looked at."""

from __future__ import annotations

from playwright.sync_api import Page

from seda.ui.theme import SMALLEST

AA = 4.5
_FIND = """([contrast, smallest]) => {
    const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const known = new Map();
    const parse = (colour) => {
        if (!known.has(colour)) known.set(colour, draw(colour));
        return [...known.get(colour)];
    };
    const draw = (colour) => {
        pixel.clearRect(0, 0, 1, 1);
        pixel.fillStyle = colour;
        pixel.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (above, below) => [0, 1, 2].map((i) => above[i] * above[3] + below[i] * (1 - above[3])).concat([1]);
    const luminance = (colour) => {
        const [r, g, b] = colour.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = new Set();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement;
        const range = document.createRange();
        range.selectNodeContents(texts.currentNode);
        const box = range.getBoundingClientRect();
        if (!text || box.width < 2 || box.height < 2 || element.closest("script, style, noscript, [data-testid=stIconMaterial]")) continue;
        if (!element.checkVisibility() || element.closest("[data-testid=stSlider]")) continue; // its number floats above its knob
        const style = getComputedStyle(element);
        let below = [255, 255, 255, 1], opacity = 1;
        const around = [];
        for (let node = element; node; node = node.parentElement) around.unshift(getComputedStyle(node));
        for (const one of around) {
            below = over(parse(one.backgroundColor), below);
            opacity *= Number(one.opacity);
        }
        if (opacity === 0 || style.visibility !== "visible" || element.closest("[disabled], [aria-disabled=true], [data-stale=true]")) continue;
        const shown = parse(element instanceof SVGElement ? style.fill : style.color);
        shown[3] *= opacity;
        const [low, high] = [luminance(over(shown, below)), luminance(below)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
        if (ratio < contrast || size < smallest) found.add(`${ratio.toFixed(2)}:1, ${size} px: ${text.slice(0, 60)}`);
    }
    return [...found];
}"""


def unreadable(page: Page) -> list[str]:
    """Texts on the page, as it is now, with a contrast below AA or smaller than SMALLEST."""
    return page.evaluate(_FIND, [AA, SMALLEST])
