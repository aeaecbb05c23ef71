// Draws the charts of the page, and changes between its light and its dark form.
"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const NARROW_PX = 600;

  function isDark() {
    const theme = root.dataset.theme;
    return theme === "auto" ? prefersDark.matches : theme === "dark";
  }

  // "@ink" and its like stand for what the page's own style says.
  function coloured(value) {
    if (typeof value === "string" && value.startsWith("@")) {
      return getComputedStyle(document.body).getPropertyValue("--page-" + value.slice(1)).trim();
    }
    if (Array.isArray(value)) return value.map(coloured);
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, coloured(each)]));
    }
    return value;
  }

  function merged(base, more) {
    const result = { ...base };
    for (const [key, value] of Object.entries(more)) {
      const both = value !== null && typeof value === "object" && !Array.isArray(value)
        && base[key] !== null && typeof base[key] === "object";
      result[key] = both ? merged(base[key], value) : value;
    }
    return result;
  }

  const COMMON = {
    font: { family: "system-ui, sans-serif", size: 12, color: "@ink" },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 64, r: 16, t: 8, b: 44 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, xanchor: "left" },
    hoverlabel: { bgcolor: "@page", bordercolor: "@line", font: { color: "@ink" } },
    dragmode: "zoom",
  };
  const AXIS = { gridcolor: "@line", zerolinecolor: "@line", linecolor: "@line", automargin: true };
  const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"] };

  function layoutOf(figure, width) {
    let layout = merged(COMMON, figure.layout);
    if (width < NARROW_PX) layout = merged(layout, figure.narrow);
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) layout[key] = merged(AXIS, layout[key]);
    }
    return coloured(layout);
  }

  function draw(name) {
    const place = document.getElementById("chart-" + name);
    const figure = figures[name];
    return Plotly.react(place, coloured(figure.data), layoutOf(figure, place.clientWidth), CONFIG);
  }

  // One after the other: the page answers meanwhile, and the first chart is there at once.
  const waiting = Object.keys(figures);
  const drawn = [];
  function drawNext() {
    if (waiting.length === 0) {
      root.dataset.drawn = String(drawn.length);
      return;
    }
    const name = waiting.shift();
    drawn.push(name);
    draw(name);
    root.dataset.openedMs ??= String(Math.round(performance.now()));
    setTimeout(drawNext);
  }

  function setTheme(theme) {
    root.dataset.theme = theme;
    root.dataset.jpThemeLight = String(!isDark());
    button.textContent = isDark() ? "light" : "dark";
    button.setAttribute("aria-label", "Change to the " + button.textContent + " form");
    drawn.forEach(draw);
  }

  button.hidden = false;
  button.addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
  prefersDark.addEventListener("change", () => setTheme(root.dataset.theme));
  // Paper is white, whatever the screen was.
  let before = "auto";
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    drawn.push(...waiting.splice(0));
    setTheme("light");
  });
  addEventListener("afterprint", () => setTheme(before));
  setTheme("auto");
  drawNext();
})();
