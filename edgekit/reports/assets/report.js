// Looks up a grid that Python computed and interpolates between its points; nothing is decided here.
(() => {
  const panel = document.getElementById("what-if");
  const grid = JSON.parse(document.getElementById("report-data").textContent).what_if;
  if (!panel || !grid) return;
  const steps = 1000, get = name => panel.querySelector(`[data-part="${name}"]`);
  const view = get("view"), sliders = grid.axes.map(axis => ({axis, input: get(axis.name), shown: get(axis.name + "-shown")}));
  const ends = axis => [Math.log(axis.points[0]), Math.log(axis.points[axis.points.length - 1])];
  const positionOf = axis => { const [a, b] = ends(axis); return Math.round(steps * (Math.log(axis.stated) - a) / (b - a)); };
  const valueOf = ({axis, input}) => {
    if (+input.value === positionOf(axis)) return axis.stated;
    const [a, b] = ends(axis);
    return Math.exp(a + (b - a) * input.value / steps);
  };
  const digits = value => value >= 100 ? Math.round(value).toLocaleString("en") : +value.toPrecision(3) + "";
  const scaled = (value, unit) => {
    const found = [[1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]].find(([size]) => value >= size * 0.9995);
    const [size, prefix] = found || [1e-9, "n"];
    return digits(value / size) + "\u00a0" + prefix + unit;
  };
  const wording = {
    rate: value => value >= 1 ? digits(value) + " per second" : value >= 1 / 60 ? digits(value * 60) + " per minute"
      : value >= 1 / 3600 ? digits(value * 3600) + " per hour" : digits(value * 86400) + " per day",
    payload: value => scaled(value, "B"),
    utilisation: value => digits(value * 100) + "\u00a0%",
  };
  const place = (points, value) => {
    let left = 0;
    while (left < points.length - 2 && points[left + 1] <= value) left += 1;
    return [left, Math.min(1, Math.max(0, Math.log(value / points[left]) / Math.log(points[left + 1] / points[left])))];
  };
  const between = (plane, values, column, logarithmic) => {
    let corners = [[0, 1]];
    for (const {axis} of sliders.filter(({axis}) => plane.axes.includes(axis.name))) {
      const [left, part] = place(axis.points, values[axis.name]), many = axis.points.length;
      corners = corners.flatMap(([at, weight]) => [[at * many + left, weight * (1 - part)], [at * many + left + 1, weight * part]]);
    }
    const used = corners.filter(([, weight]) => weight > 0);
    const straight = !logarithmic || used.some(([at]) => column[at] <= 0);
    const sum = used.reduce((all, [at, weight]) => all + weight * (straight ? column[at] : Math.log(column[at])), 0);
    return straight ? sum : Math.exp(sum);
  };
  const show = () => {
    const plane = grid.planes[view.value], values = {};
    for (const slider of sliders) {
      const counts = plane.axes.includes(slider.axis.name);
      values[slider.axis.name] = valueOf(slider);
      slider.input.disabled = !counts;
      const text = wording[slider.axis.name](values[slider.axis.name]);
      slider.shown.textContent = counts ? text : text + " (changes nothing in this view)";
      slider.input.setAttribute("aria-valuetext", text);
    }
    const edge = between(plane, values, plane.edge_j, true), cloud = between(plane, values, plane.cloud_j, true);
    const chance = between(plane, values, plane.p_edge, false);
    for (const [name, joules] of [["edge", edge], ["cloud", cloud]]) {
      get(name + "-j").textContent = scaled(joules, "J");
      get(name + "-bar").style.width = Math.max(0.5, 100 * joules / Math.max(edge, cloud)) + "%";
    }
    const less = edge < cloud ? `The device takes ${digits(cloud / edge)} times less` : `The cloud takes ${digits(edge / cloud)} times less`;
    const sure = chance >= 0.95 ? "sure" : chance <= 0.05 ? "sure" : "not sure";
    const p = chance > 0.999 ? "> 99.9" : chance < 0.001 ? "< 0.1" : (100 * chance).toFixed(1);
    get("answer").textContent = `${less}; ${sure}: the device takes less in ${p} % of the draws.`;
  };
  const reset = () => { for (const {axis, input} of sliders) input.value = positionOf(axis); view.value = "0"; show(); };
  panel.addEventListener("input", show);
  get("reset").addEventListener("click", reset);
  panel.hidden = false;
  reset();
})();
