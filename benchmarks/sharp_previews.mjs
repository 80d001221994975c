// Previews with sharp: node sharp_previews.mjs MODULES PHOTO SECONDS cascade|sizes
// Prints how many images a second of processor time it makes.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, photo, seconds, kind] = process.argv.slice(2);
const sharp = createRequire(`${modules}/`)("sharp");
sharp.concurrency(1);
sharp.cache(false);

const SIZES = [800, 300, 150];
const data = readFileSync(photo);
const within = (size) => ({ width: size, height: size, fit: "inside", withoutEnlargement: true });
const jpeg = { quality: 85 };

async function sizes() {
  for (const size of SIZES) {
    await sharp(data).rotate().resize(within(size)).jpeg(jpeg).toBuffer();
  }
}

async function cascade() {
  let image = sharp(data).rotate();
  for (const size of SIZES) {
    const raw = await image.resize(within(size)).raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = raw.info;
    const pixels = () => sharp(raw.data, { raw: { width, height, channels } });
    await pixels().jpeg(jpeg).toBuffer();
    image = pixels();
  }
}

const work = kind === "cascade" ? cascade : sizes;
await work();
const began = process.cpuUsage();
let count = 0;
let spent = 0;
while (spent < Number(seconds)) {
  await work();
  count += 1;
  const used = process.cpuUsage(began);
  spent = (used.user + used.system) / 1e6;
}
console.log(count / spent);
