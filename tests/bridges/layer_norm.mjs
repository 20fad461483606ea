/* A port of LayerNorm and its gradient to JavaScript.

       node layer_norm.mjs GOLDEN.npz RESULTS.npz [no-mean]

   It reads golden vectors with node alone: an .npz is a zip of .npy files that are stored as they
   are, and the array `manifest` is JSON. The last argument leaves a term of dx out. */

import { readFileSync, writeFileSync } from "node:fs";

const [source, target, slip] = process.argv.slice(2);
const golden = readFileSync(source);

/* Local headers, names and bytes stand one after the other. */
function members() {
  const found = new Map();
  for (let at = 0; golden.readUInt32LE(at) === 0x04034b50; ) {
    const name = at + 30, file = name + golden.readUInt16LE(at + 26) + golden.readUInt16LE(at + 28);
    const end = file + golden.readUInt32LE(at + 18);
    found.set(golden.toString("utf8", name, name + golden.readUInt16LE(at + 26)), golden.subarray(file, end));
    at = end;
  }
  return found;
}

function numbersOf({ name, dtype }) {
  const file = files.get(`${name}.npy`), data = file.subarray(10 + file.readUInt16LE(8));
  const size = dtype === "<f8" ? 8 : 4;
  return Float64Array.from({ length: data.length / size }, (_, i) =>
    size === 8 ? data.readDoubleLE(i * size) : data.readFloatLE(i * size));
}

/* y = γ x̂ + β with x̂ = (x − mean) r and r = 1 / √(variance + ε), row by row. */
function layerNorm(x, gamma, beta, dy, eps) {
  const D = gamma.length, mean = (f) => gamma.reduce((sum, _, j) => sum + f(j), 0) / D;
  const [y, dx, dgamma, dbeta] = [x, x, gamma, gamma].map((like) => new Float64Array(like.length));
  for (let row = 0; row < x.length; row += D) {
    const mu = mean((j) => x[row + j]);
    const r = 1 / Math.sqrt(mean((j) => (x[row + j] - mu) ** 2) + eps);
    const hat = gamma.map((_, j) => (x[row + j] - mu) * r), dhat = gamma.map((g, j) => g * dy[row + j]);
    const along = mean((j) => dhat[j] * hat[j]), middle = slip === "no-mean" ? 0 : mean((j) => dhat[j]);
    for (let j = 0; j < D; j++) {
      y[row + j] = gamma[j] * hat[j] + beta[j];
      dx[row + j] = r * (dhat[j] - middle - hat[j] * along);
      dgamma[j] += dy[row + j] * hat[j];
      dbeta[j] += dy[row + j];
    }
  }
  return { y, dx, dgamma, dbeta };
}

function npy(numbers, shape) {
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${axes}), }`;
  const start = Buffer.from("\x93NUMPY\x01\x00\x00\x00", "latin1");
  const text = Buffer.from(`${header.padEnd(117)}\n`);
  start.writeUInt16LE(text.length, 8);
  return Buffer.concat([start, text, Buffer.from(new Float64Array(numbers).buffer)]);
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/* A zip of stored files: each behind its header, and all of them in the directory at the end. */
function zip(entries) {
  const parts = [], directory = [];
  let at = 0;
  for (const [name, file] of entries) {
    const about = Buffer.alloc(26), path = Buffer.from(name), place = Buffer.alloc(14);
    about.writeUInt16LE(20, 0), about.writeUInt32LE(0x00210000, 6), about.writeUInt32LE(crc32(file), 10);
    about.writeUInt32LE(file.length, 14), about.writeUInt32LE(file.length, 18), about.writeUInt16LE(path.length, 22);
    place.writeUInt32LE(at, 10);
    parts.push(Buffer.from("PK\x03\x04"), about, path, file);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), about, place, path);
    at += 30 + path.length + file.length;
  }
  const listing = Buffer.concat(directory), end = Buffer.alloc(22);
  end.write("PK\x05\x06"), end.writeUInt16LE(entries.length, 8), end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(listing.length, 12), end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, listing, end]);
}

const files = members(), manifest = files.get("manifest.npy");
const { entries } = JSON.parse(manifest.toString("utf8", 10 + manifest.readUInt16LE(8)));
const results = entries.flatMap(({ rule, options, arrays }) => {
  if (rule !== "LayerNorm") return [];
  const given = arrays.filter(({ role }) => role === "input" || role === "upstream");
  const found = layerNorm(...given.map(numbersOf), options.eps);
  const wanted = arrays.filter(({ role }) => role === "output" || role === "gradient");
  return wanted.map(({ name, argument, shape }) => [`${name}.npy`, npy(found[argument], shape)]);
});
writeFileSync(target, zip(results));
