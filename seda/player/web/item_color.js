// The colour that stands for an item, wherever it is drawn or named: that of a class, or grey.

/**
 * The class that an item is answered with: it has that one's colour and shape. Without classes its group, null without that.
 * @param {Journey} journey @param {number} item @returns {Styled|null}
 */
export const answerOf = ({ items, classes, kinds }, item) => classes[items[item].answer] ?? kinds[items[item].kind ?? -1] ?? null;

/**
 * The class that an item's path ends at, null where it ends away from all. Without classes its group.
 * @param {Journey} journey @param {number} item @returns {Styled|null}
 */
export function endOf(journey, item) {
  if (!journey.classes.length) return answerOf(journey, item);
  const { landed, nearest } = journey.items[item];
  return landed ? journey.classes[nearest] : null;
}

/**
 * A class's colour as it is drawn; grey for none, and where others are selected or highlighted.
 * @param {Theme} theme @param {Styled|null} one @param {boolean} [vivid]
 */
export const drawnColor = (theme, one, vivid = true) => (one && vivid ? theme.tune(one.color) : theme.grey);

/**
 * An item's colour, by its answer or by another class; grey where others are selected or highlighted, and while answers are hidden.
 * @param {Pick<Shown, "theme"|"isVivid"|"hidesAnswers">} player @param {Journey} journey @param {number} item @param {Styled|null} [one]
 */
export const itemColor = (player, journey, item, one = answerOf(journey, item)) => drawnColor(player.theme, player.hidesAnswers ? null : one, player.isVivid(item));
