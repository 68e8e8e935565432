namespace Weft.Training.Runs;

/// <summary>The fixed parts of a report: style sheet and script, both inside the page so that it opens offline and anywhere.</summary>
internal static class RunReportPage
{
    public const string Style =
        """
        :root {
          color-scheme: light dark;
          --paper: #faf9f6; --card: #ffffff; --ink: #1b1d21; --soft: #5d626b; --faint: #8a8f98; --line: #e4e2dc; --grid: #eceae4;
          --training: #2f6fb3; --validation: #d0641b; --floor: #3d8462; --rate: #7a57b0; --norm: #a5487a; --speed: #2a8585; --other: #6b7280;
          --call: #f3f0e6; --call-line: #d9b44a; --bad: #b3261e;
        }
        @media screen and (prefers-color-scheme: dark) {
          :root {
            --paper: #131518; --card: #1b1e22; --ink: #e8e6e1; --soft: #a3a8b0; --faint: #7b8089; --line: #2d3137; --grid: #262a2f;
            --training: #6aaef2; --validation: #f0924f; --floor: #6cc19a; --rate: #b197e6; --norm: #e08bb7; --speed: #5cc4c0; --other: #9ca3af;
            --call: #24221b; --call-line: #a98a35; --bad: #ff8a80;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
        main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
        header { margin-bottom: 28px; }
        header .brand { display: flex; align-items: center; gap: 8px; color: var(--soft); font-size: 13px; letter-spacing: .04em; }
        header .brand svg { width: 18px; height: 18px; }
        h1 { font-size: 32px; line-height: 1.2; letter-spacing: -.015em; margin: 10px 0 4px; overflow-wrap: anywhere; }
        h2 { font-size: 19px; letter-spacing: -.005em; margin: 44px 0 14px; }
        h3 { font-size: 15px; margin: 0; font-weight: 600; }
        header p { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
        .tiles { display: grid; grid-template-columns: repeat(var(--columns), 1fr); background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
        .tile { padding: 14px 18px 12px; border: solid var(--line); border-width: 0 1px 1px 0; margin: 0 -1px -1px 0; }
        .tile .label { color: var(--soft); font-size: 13px; }
        .tile .value { font-size: 25px; line-height: 1.3; font-weight: 600; letter-spacing: -.01em; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .tile .value small { font-size: 14px; font-weight: 500; color: var(--soft); letter-spacing: 0; }
        .tile .note { color: var(--faint); font-size: 12.5px; }
        .tile.lead { box-shadow: inset 3px 0 0 var(--validation); }
        .diagnosis { margin: 20px 0 0; padding: 13px 18px; background: var(--call); border-left: 4px solid var(--call-line); border-radius: 6px; white-space: pre-line; overflow-wrap: anywhere; }
        .diagnosis b { display: block; font-size: 13px; color: var(--soft); font-weight: 600; }
        .alarm { border-left-color: var(--bad); }
        .charts { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(310px, 1fr)); margin-top: 16px; }
        .chart { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px 10px; min-width: 0; break-inside: avoid; }
        .chart figcaption { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 10px; margin-bottom: 6px; }
        .chart .unit { color: var(--faint); font-size: 12.5px; }
        .legend { margin-left: auto; display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--soft); }
        .key { display: inline-block; width: 18px; height: 0; border-top: 2.5px solid; vertical-align: middle; margin-right: 6px; }
        .plot { position: relative; }
        .plot svg { display: block; overflow: visible; width: 100%; height: auto; touch-action: pan-y; }
        .caption { margin: 4px 0 4px; font-size: 13px; color: var(--soft); }
        svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums; }
        .grid line { stroke: var(--grid); stroke-width: 1; }
        .frame, .tick { stroke: var(--faint); stroke-width: 1; }
        .ty, .axis { text-anchor: end; } .tx { text-anchor: middle; } svg .axis { fill: var(--faint); }
        .curve { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .dots { fill: currentColor; }
        .training, .training-raw { color: var(--training); } .validation { color: var(--validation); } .rate { color: var(--rate); }
        .norm, .norm-raw { color: var(--norm); } .speed, .speed-raw { color: var(--speed); } .other, .other-raw { color: var(--other); }
        .curve[class*="-raw"] { stroke-width: 1; opacity: .34; } .key[class*="-raw"] { border-top-width: 1px; opacity: .6; }
        .floor line { stroke: var(--floor); stroke-width: 1.5; stroke-dasharray: 6 5; } svg .floor text { fill: var(--floor); }
        .mark circle { fill: none; stroke: var(--validation); stroke-width: 2; } svg .mark text { fill: var(--validation); font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
        .hover line { stroke: var(--faint); stroke-dasharray: 2 3; } .hover circle { fill: var(--card); stroke: currentColor; stroke-width: 2; }
        .tip { position: absolute; top: 8px; pointer-events: none; background: var(--card); color: var(--ink); border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 4px 16px rgb(0 0 0 / .14); padding: 7px 10px; font-size: 12.5px; line-height: 1.5; font-variant-numeric: tabular-nums; white-space: nowrap; z-index: 1; }
        .tip b { font-weight: 600; } .tip i { display: inline-block; width: 9px; height: 9px; border-radius: 50%; background: currentColor; margin-right: 6px; }
        .sample { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin-bottom: 8px; break-inside: avoid-page; }
        .sample summary { cursor: pointer; padding: 9px 16px; font-size: 14px; color: var(--soft); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        .sample summary b { color: var(--ink); font-weight: 600; margin-right: 8px; font-variant-numeric: tabular-nums; } .sample[open] summary span { display: none; }
        .sample pre { margin: 0; padding: 2px 18px 16px; max-width: 78ch; font: 15.5px/1.6 ui-serif, Georgia, "Noto Serif", "Liberation Serif", serif; }
        pre { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; tab-size: 4; }
        .sample pre mark { background: none; color: var(--faint); }
        .tables { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); align-items: start; }
        .tables h2 { margin-top: 30px; }
        table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line); border-radius: 10px; border-spacing: 0; overflow: hidden; font-size: 14px; }
        th, td { text-align: left; vertical-align: top; padding: 6px 14px; border-top: 1px solid var(--grid); overflow-wrap: anywhere; }
        tr:first-child > * { border-top: 0; }
        th { font-weight: 500; color: var(--soft); width: 42%; } td { font-variant-numeric: tabular-nums; unicode-bidi: isolate; }
        .command { position: relative; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
        .command pre { margin: 0; padding: 14px 84px 14px 16px; font: 14px/1.55 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace; }
        .command button { position: absolute; top: 9px; right: 10px; font: 13px system-ui, sans-serif; color: var(--soft); background: var(--paper); border: 1px solid var(--line); border-radius: 7px; padding: 4px 11px; cursor: pointer; }
        .command button:hover { color: var(--ink); }
        footer { margin-top: 44px; color: var(--faint); font-size: 13px; }
        @media screen and (max-width: 860px) { .tiles { grid-template-columns: repeat(auto-fit, minmax(min(190px, 46%), 1fr)); } }
        @media screen and (max-width: 560px) { main { padding: 24px 14px 40px; } h1 { font-size: 25px; } .legend { margin-left: 0; } #loss svg text { font-size: 21px; } .charts svg text { font-size: 10px; } }
        @media print {
          @page { margin: 14mm; }
          body { background: none; font-size: 12px; } main { max-width: none; padding: 0; } h2 { margin-top: 22px; break-after: avoid; }
          .charts { grid-template-columns: repeat(3, 1fr); gap: 8px; } .tables { grid-template-columns: 1fr 1fr; }
          .chart { padding: 8px; } .command button, .tip, .hover { display: none; } .tile, .chart, .diagnosis { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          h1 { font-size: 24px; } header { margin-bottom: 16px; } .command { break-inside: avoid; } .command pre { padding-right: 16px; }
          .tile .value { font-size: 18px; } .charts h3 { font-size: 12px; } tr { break-inside: avoid; }
        }
        """;

    public const string Script =
        """
        "use strict";
        for (const figure of document.querySelectorAll("figure.chart")) {
          const data = JSON.parse(figure.querySelector("script").textContent);
          const svg = figure.querySelector("svg"), hover = figure.querySelector(".hover"), tip = figure.querySelector(".tip");
          const [x0, x1, y0, y1] = data.range, [left, right, top, bottom] = data.box;
          const mapX = x => left + (x - x0) / (x1 - x0) * (right - left), mapY = y => top + (y1 - y) / (y1 - y0) * (bottom - top);
          const number = y => Math.abs(y) >= 10000 ? Math.round(y).toLocaleString("en") : String(+y.toPrecision(5));
          const element = (name, attributes) => {
            const made = document.createElementNS("http://www.w3.org/2000/svg", name);
            for (const key in attributes) made.setAttribute(key, attributes[key]);
            return made;
          };
          const nearest = (xs, x) => {
            let low = 0, high = xs.length - 1;
            while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] < x) low = middle; else high = middle; }
            return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
          };
          const leave = () => { hover.replaceChildren(); tip.hidden = true; };
          svg.addEventListener("pointerleave", leave);
          svg.addEventListener("pointermove", event => {
            const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
            const px = (event.clientX - box.left) * scale;
            if (px < left || px > right) { leave(); return; }
            const x = x0 + (px - left) / (right - left) * (x1 - x0);
            hover.replaceChildren(); tip.replaceChildren();
            let at = null;
            for (const curve of data.curves) {
              if (!curve.x.length) continue;
              const i = nearest(curve.x, x), y = curve.y[i];
              if (at === null) {
                at = curve.x[i];
                const head = document.createElement("b");
                head.textContent = "step " + at.toLocaleString("en");
                tip.append(head);
              }
              const row = document.createElement("div"), key = document.createElement("i");
              key.className = curve.style;
              const where = Math.abs(curve.x[i] - at) <= (x1 - x0) * .004 ? "" : " (step " + curve.x[i].toLocaleString("en") + ")";
              row.append(key, curve.name + " " + (y === null ? "not finite" : number(y)) + where);
              tip.append(row);
              if (y !== null && y >= y0 && y <= y1) {
                const circle = element("circle", { cx: mapX(curve.x[i]), cy: mapY(y), r: 4 });
                circle.setAttribute("class", curve.style);
                hover.append(circle);
              }
            }
            if (at === null) return;
            hover.prepend(element("line", { x1: mapX(at), x2: mapX(at), y1: top, y2: bottom }));
            tip.hidden = false;
            const place = mapX(at) / scale;
            tip.style.left = place + tip.offsetWidth + 20 > box.width ? Math.max(0, place - tip.offsetWidth - 12) + "px" : place + 12 + "px";
          });
        }
        for (const button of document.querySelectorAll(".command button")) {
          button.addEventListener("click", async () => {
            const text = button.parentElement.querySelector("pre").textContent;
            try { await navigator.clipboard.writeText(text); button.textContent = "copied"; }
            catch { getSelection().selectAllChildren(button.parentElement.querySelector("pre")); button.textContent = "selected"; }
          });
        }
        addEventListener("beforeprint", () => { for (const details of document.querySelectorAll("details")) details.open = true; });
        """;

    /// <summary>Threads that go over and under each other.</summary>
    public const string Mark =
        """<svg viewBox="0 0 18 18" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"><path d="M4 1.5v3M4 8v9M9 1.5v9M9 14v3M14 1.5v3M14 8v9"/><path d="M1.5 6h9.7M6.8 12h9.7M16.5 6h-.2M1.5 12h.2"/></g></svg>""";
}
