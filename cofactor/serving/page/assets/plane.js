// A scatter plot on a canvas that can be moved and zoomed.

const CLOSEST = 40; // largest zoom factor
const EDGE = 26; // pixels of margin
const LABEL = "12px system-ui, sans-serif";
const LABELS_EVERY = 15_000; // square pixels for each label

export class Plane {
  /** points: {item, title, year, x, y, ratings, colour}, the most rated first; x and y within -1 … 1.
   *  drawn: called after each drawing with the point under the pointer. */
  constructor(canvas, points, drawn) {
    Object.assign(this, { canvas, points, drawn, k: 1, x: 0, y: 0, alone: null, pointed: null, chosen: null });
    this.most = Math.max(1, ...points.map(({ ratings }) => ratings));
    this.far = ["x", "y"].map((axis) => Math.max(1e-3, ...points.map((one) => Math.abs(one[axis]))));
    this.mark(new Map(), new Set());
  }

  mark(rated, listed) {
    Object.assign(this, { rated, listed });
  }

  /** The mark of a point as text. */
  describeMark({ item }) {
    if (this.rated.has(item)) return `rated ${this.rated.get(item)}`;
    return this.listed.has(item) ? "recommended" : "";
  }

  get half() {
    return Math.max(10, Math.min(this.canvas.clientWidth, this.canvas.clientHeight) / 2 - EDGE);
  }

  /** The position of a point on the canvas in pixels; the plot is stretched to the shape of the canvas. */
  place({ x, y }) {
    const wide = Math.min(2.4, (this.canvas.clientWidth / 2 - EDGE) / this.half) / this.far[0];
    const high = Math.min(1.6, (this.canvas.clientHeight / 2 - EDGE) / this.half) / this.far[1];
    return [
      this.canvas.clientWidth / 2 + (x * wide * this.half + this.x) * this.k,
      this.canvas.clientHeight / 2 + (y * high * this.half + this.y) * this.k,
    ];
  }

  pan(dx, dy) {
    const [reach, far] = [this.canvas.clientWidth, this.canvas.clientHeight];
    this.x = Math.max(-reach, Math.min(reach, this.x + dx / this.k));
    this.y = Math.max(-far, Math.min(far, this.y + dy / this.k));
    this.draw();
  }

  /** Zooms around a pixel. */
  zoom(by, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const k = Math.max(1, Math.min(CLOSEST, this.k * by));
    const [dx, dy] = [x - this.canvas.clientWidth / 2, y - this.canvas.clientHeight / 2];
    this.x += dx / k - dx / this.k;
    this.y += dy / k - dy / this.k;
    this.k = k;
    if (k === 1) this.x = this.y = 0;
    this.draw();
  }

  all() {
    Object.assign(this, { k: 1, x: 0, y: 0 });
    this.draw();
  }

  /** The point nearest to a pixel, within a distance; null if there is none. */
  nearest(x, y, within) {
    let best = null;
    let least = within;
    for (const one of this.points) {
      if (this.alone !== null && one.colour !== this.alone) continue;
      const [px, py] = this.place(one);
      const apart = Math.hypot(px - x, py - y);
      if (apart < least) [best, least] = [one, apart];
    }
    return best;
  }

  /** The next point from the chosen one in a direction: near, and with a small angle to the direction. */
  towards(dx, dy) {
    if (!this.chosen) return this.points.find(({ item }) => this.listed.has(item)) ?? this.points[0];
    const [x, y] = this.place(this.chosen);
    let best = null;
    let least = Infinity;
    for (const one of this.points) {
      if (one === this.chosen || (this.alone !== null && one.colour !== this.alone)) continue;
      const [px, py] = this.place(one);
      const [along, aside] = [(px - x) * dx + (py - y) * dy, Math.abs((px - x) * dy) + Math.abs((py - y) * dx)];
      if (along <= 0 || aside > 2 * along) continue;
      const cost = along + 2 * aside;
      if (cost < least) [best, least] = [one, cost];
    }
    return best ?? this.chosen;
  }

  /** Chooses a point, and moves the plot so that it is visible. */
  choose(one) {
    this.chosen = one;
    const [x, y] = this.place(one);
    const [w, h] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (x < EDGE || y < EDGE || x > w - EDGE || y > h - EDGE) {
      this.x -= (x - w / 2) / this.k;
      this.y -= (y - h / 2) / this.k;
    }
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const [w, h, dots] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
    if (!w || !h) return;
    [canvas.width, canvas.height] = [w * dots, h * dots];
    const pen = canvas.getContext("2d");
    pen.scale(dots, dots);
    const style = getComputedStyle(canvas);
    const colours = Array.from({ length: 9 }, (_, place) => style.getPropertyValue(`--g${place}`));
    const [ink, paper] = [style.getPropertyValue("--ink"), style.getPropertyValue("--sheet")];
    const seen = this.points.map((one) => [one, ...this.place(one)]);
    const inside = seen.filter(([, x, y]) => x > -20 && y > -20 && x < w + 20 && y < h + 20);
    for (const [one, x, y] of inside.toReversed()) this.dot(pen, one, x, y, colours[one.colour], ink, paper);
    this.labels(pen, inside, w, h, ink, paper);
    this.drawn(this.pointed);
  }

  radius({ ratings }) {
    const small = Math.min(1, 0.45 + this.half / 480); // smaller on a phone
    return small * (2.2 + 4 * Math.sqrt(ratings / this.most)) * Math.min(2, Math.sqrt(this.k) ** 0.7);
  }

  dot(pen, one, x, y, colour, ink, paper) {
    const apart = this.alone !== null && one.colour !== this.alone;
    const [rated, listed] = [this.rated.has(one.item), this.listed.has(one.item)];
    const r = this.radius(one);
    pen.globalAlpha = apart ? 0.1 : 0.85;
    pen.fillStyle = colour;
    pen.beginPath();
    if (listed) star(pen, x, y, r + 5);
    else pen.arc(x, y, r, 0, 7);
    pen.fill();
    pen.globalAlpha = apart ? 0.15 : 1;
    if (listed || rated) outline(pen, listed ? 1.6 : 1.8, ink);
    if (one === this.chosen || one === this.pointed) {
      pen.beginPath();
      pen.arc(x, y, r + 7, 0, 7);
      outline(pen, 2.5, ink);
    }
    pen.globalAlpha = 1;
  }

  /** Draws titles where there is space: recommended titles first, then rated ones. */
  labels(pen, inside, w, h, ink, paper) {
    const weight = ({ item }) => (this.listed.has(item) ? 2 : this.rated.has(item) ? 1 : 0);
    const wanted = inside
      .filter(([one]) => this.alone === null || one.colour === this.alone)
      .sort(([one], [other]) => weight(other) - weight(one));
    const taken = [];
    let left = Math.max(6, Math.floor((w * h) / LABELS_EVERY));
    pen.font = LABEL;
    pen.textBaseline = "middle";
    Object.assign(pen, { fillStyle: ink, strokeStyle: paper, lineWidth: 3, lineJoin: "round" });
    for (const [one, x, y] of wanted) {
      if (left === 0) break;
      const text = short(one.title);
      const box = [x + this.radius(one) + 6, y - 8, pen.measureText(text).width + 4, 16];
      const fits = box[0] + box[2] < w && box[1] > 0 && y + 8 < h && !taken.some((other) => overlap(box, other));
      if (!fits) continue;
      taken.push(box);
      left -= 1;
      pen.strokeText(text, box[0], y);
      pen.fillText(text, box[0], y);
    }
  }
}

function outline(pen, width, ink) {
  pen.lineWidth = width;
  pen.strokeStyle = ink;
  pen.stroke();
}

function star(pen, x, y, r) {
  for (let corner = 0; corner < 10; corner += 1) {
    const [angle, far] = [(corner * Math.PI) / 5 - Math.PI / 2, corner % 2 ? r * 0.5 : r];
    pen.lineTo(x + far * Math.cos(angle), y + far * Math.sin(angle));
  }
  pen.closePath();
}

function overlap([x, y, w, h], [u, v, a, b]) {
  return x < u + a && u < x + w && y < v + b && v < y + h;
}

function short(title) {
  const plain = title.replace(/ \(\d{4}\)$/, "").replace(/^(.+), (The|A|An)$/, "$2 $1");
  return plain.length > 26 ? `${plain.slice(0, 25)}…` : plain;
}
