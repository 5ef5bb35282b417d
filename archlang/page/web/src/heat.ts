// Colours for amounts, from pale to strong, in both themes; readable text on each.

const LIGHT = [[255, 247, 236], [254, 217, 166], [253, 154, 78], [214, 80, 28], [122, 28, 12]];
const DARK = [[38, 41, 51], [86, 56, 40], [156, 84, 30], [224, 140, 44], [255, 214, 128]];

export interface Colour {
  fill: string;
  ink: string;
}

/** Return the colour of a share between 0 and 1. */
export function colour(share: number, dark: boolean): Colour {
  const stops = dark ? DARK : LIGHT;
  const at = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  const rgb = stops[low].map((value, channel) => Math.round(value + (stops[low + 1][channel] - value) * (at - low)));
  return { fill: `rgb(${rgb.join(",")})`, ink: luminance(rgb) > 0.18 ? "#11161d" : "#ffffff" };
}

/** Return the relative luminance of WCAG 2. */
function luminance(rgb: number[]): number {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
