// The types that the modules speak of, by one name in all of their comments. For the type checker alone: nothing here is run.

type Payload = import("./payload.js").Payload;
type Journey = import("./payload.js").Journey;
type MapData = import("./payload.js").MapData;
type SeedCloud = import("./payload.js").SeedCloud;
type Neighbors = import("./payload.js").Neighbors;
type Ghost = import("./payload.js").Ghost;
type Styled = import("./payload.js").Styled;
type Item = import("./payload.js").Item;
type Neighbor = import("./payload.js").Neighbor;

type Player = import("./player_state.js").Player;
type ViewState = import("./player.js").ViewState;
type Options = import("./player.js").Options;
type Host = import("./player.js").Host;
type Hit = import("./map.js").Hit;
type Shown = import("./map.js").Shown;
type Morph = import("./map.js").Morph;
type MapPainter = import("./map.js").MapPainter;
type CurvePainter = import("./curves.js").CurvePainter;
type Clouds = import("./scene.js").Clouds;
type Scene = import("./scene.js").Scene;
type View = import("./view.js").View;
type Theme = import("./drawing.js").Theme;
type Pose = import("./view.js").Pose;
type Paths = import("./paths.js").Paths;
type Berth = import("./gather.js").Berth;
type Frame = import("./gather.js").Frame;
type Gathered = import("./placing.js").Gathered;
type Way = import("./placing.js").Way;
type Place = import("./labels.js").Place;
type Box = import("./labels.js").Box;

/** Shows the journey beside the map: told of a new one, of each step that is reached, and when colours have changed. */
type Display = {
  load?(journey: Journey): void;
  showStep?(step: number, caption: string): void;
  restyle?(): void;
};
/** Red, green and blue, 0 to 255. */
type Color = number[];
/** On the screen, px. */
type Point = { x: number; y: number };
/** A point, and how much larger than in the middle of a solid map a thing is drawn there. */
type Spot = Point & { size: number };
type Disc = Point & { radius: number };
/** Listen to an element until the player is gone. */
type Listen = <Name extends keyof HTMLElementEventMap>(
  target: EventTarget,
  event: Name,
  listener: (event: HTMLElementEventMap[Name]) => unknown,
  options?: AddEventListenerOptions,
) => void;

interface Array<T> {
  /** In all browsers since 2022; not yet in the library of TypeScript 4.8. */
  findLastIndex(predicate: (value: T, index: number, all: T[]) => unknown): number;
}

interface CanvasPath {
  /** In all browsers since 2023; not yet in the library of TypeScript 4.8. */
  roundRect(x: number, y: number, width: number, height: number, radius: number): void;
}
