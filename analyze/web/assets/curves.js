// Draws the curves of a session over the server's pictures: to zoom into, and
// to read values from.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const clock = (s) => `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, "0")}`;
const fine = (s) => `${clock(s)}:${String(Math.floor(s) % 60).padStart(2, "0")}`;
const pace = (kmh) => { const s = Math.round(3600 / kmh); return kmh > 0 ? `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}` : "–"; };

// merge puts two curves on one axis of time; a point of one is no hole in the
// other, a break stays one.
function merge(a, b) {
  return uPlot.join([[a.t, a.v], [b.t, b.v]], [[0, 2], [0, 1]]);
}

// marks draws what does not count behind the curves, and the bounds before.
function marks(data, bounds) {
  return {
    hooks: {
      drawAxes: [(u) => {
        const { ctx, bbox } = u;
        ctx.save();
        for (const e of data.excluded) {
          const x0 = Math.max(bbox.left, u.valToPos(e.from, "x", true));
          const x1 = Math.min(bbox.left + bbox.width, u.valToPos(e.to, "x", true));
          if (x1 < bbox.left || x0 > bbox.left + bbox.width) continue;
          ctx.globalAlpha = e.cause === "paused" ? 0.28 : 0.45;
          ctx.fillStyle = css("--unknown");
          ctx.fillRect(x0, bbox.top, Math.max(1, x1 - x0), bbox.height);
        }
        ctx.restore();
      }],
      draw: [(u) => {
        if (!bounds) return;
        const { ctx, bbox } = u;
        ctx.save();
        ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
        ctx.textAlign = "right";
        ctx.textBaseline = "bottom";
        for (const b of data.bounds) {
          const y = u.valToPos(b.bpm, "y", true);
          if (y < bbox.top || y > bbox.top + bbox.height) continue;
          ctx.setLineDash((b.kind === "cap" ? [2, 4] : [6, 4]).map((n) => n * devicePixelRatio));
          ctx.strokeStyle = ctx.fillStyle = css(b.kind === "cap" ? "--soft" : "--ink");
          ctx.lineWidth = 1.2 * devicePixelRatio;
          ctx.beginPath(); ctx.moveTo(bbox.left, y); ctx.lineTo(bbox.left + bbox.width, y); ctx.stroke();
          ctx.setLineDash([]);
          ctx.lineWidth = 4 * devicePixelRatio;
          ctx.strokeStyle = css("--paper");
          const text = `${b.name} (${Math.round(10 * b.bpm) / 10})`;
          const below = y - 16 * devicePixelRatio < bbox.top; // no room above the line
          ctx.textBaseline = below ? "top" : "bottom";
          const at = y + (below ? 3 : -2) * devicePixelRatio;
          ctx.strokeText(text, bbox.left + bbox.width - 2, at);
          ctx.fillText(text, bbox.left + bbox.width - 2, at);
        }
        ctx.restore();
      }],
    },
  };
}

function axes(values) {
  const look = { stroke: css("--soft"), grid: { stroke: css("--rule"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  return [
    { ...look, grid: { show: false }, values: (u, all) => all.map(clock), incrs: [60, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400] },
    { ...look, size: 52, values: (u, all) => all.map(values) },
  ];
}

function draw(box, data) {
  const figures = [...box.querySelectorAll("figure")];
  const width = () => box.clientWidth;
  const sync = { key: "session", scales: ["x", null] };
  const cursor = { sync, drag: { x: true, y: false }, points: { size: 6 } };
  const plots = [];
  const highest = Math.max(...data.bounds.filter((b) => b.kind === "vt1").map((b) => b.bpm), 0);
  const put = (figure, options, columns) => {
    const picture = figure.querySelector(".scroll, .uplot");
    const holder = document.createElement("div");
    picture.replaceWith(holder);
    const plot = new uPlot(options, columns, holder);
    holder.replaceWith(plot.root);
    plots.push(plot);
  };
  const x = { time: false };
  put(figures[0], {
    width: width(), height: 300, cursor, plugins: [marks(data, true)],
    scales: { x, y: { range: (u, low, high) => [Math.floor(low / 10) * 10, Math.ceil(Math.max(high, highest) / 10) * 10] } },
    axes: axes((v) => String(v)),
    series: [
      { label: "at", value: (u, v) => v == null ? "–" : fine(v) },
      { label: "heart rate", stroke: css("--hr"), width: 1.5, points: { show: false }, value: (u, v) => v == null ? "–" : `${v} bpm` },
      { label: "rejected", stroke: css("--bad"), width: 0, paths: () => null, points: { show: true, size: 6, stroke: css("--bad") }, value: (u, v) => v == null ? "–" : `${v} bpm` },
    ],
  }, merge(data.hr, data.rejected));
  if (figures[1] && data.speed.t.length) {
    put(figures[1], {
      width: width(), height: 190, cursor, plugins: [marks(data, false)], scales: { x },
      axes: axes(data.pace ? pace : String),
      series: [
        { label: "at", value: (u, v) => v == null ? "–" : fine(v) },
        { label: data.pace ? "pace" : "speed", stroke: css("--pace"), width: 1.2, points: { show: false }, value: (u, v) => v == null ? "–" : data.pace ? `${pace(v)} /km` : `${v} km/h` },
      ],
    }, [data.speed.t, data.speed.v]);
  }
  return { plots, fit: () => plots.forEach((p) => p.setSize({ width: width(), height: p.height })) };
}

async function start() {
  const box = document.querySelector("[data-curves]");
  if (!box || !window.uPlot) return;
  const answer = await fetch(box.dataset.curves, { headers: { Accept: "application/json" } });
  if (!answer.ok) return; // the pictures stay
  const data = await answer.json();
  let drawn = draw(box, data);
  new ResizeObserver(() => drawn.fit()).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawn.plots.forEach((p) => { const d = document.createElement("div"); p.root.replaceWith(d); d.className = "uplot"; p.destroy(); });
    drawn = draw(box, data);
  });
}

start();
document.addEventListener("refreshed", start);
