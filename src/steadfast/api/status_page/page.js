"use strict";
// Asks /v1/status once a second and draws it. Everything is written as text, never as HTML: a worker or a
// client may have said some of it.
(() => {
  const KEY = "steadfast-key", EVERY_MS = 1000, PATIENCE_MS = 5000;
  const WORDS = { healthy: "good", degraded: "warn", starting: "warn", stopping: "warn", unhealthy: "bad" };
  const SIGNS = { good: "●", warn: "▲", bad: "■", quiet: "○" };
  const STATES = { ready: "good", busy: "good", running: "good", queued: "quiet", paused: "warn", starting: "warn", loading: "warn" };
  const GRADES = { warning: "warn", error: "bad", fatal: "bad", unknown: "warn", info: "quiet" };
  const byId = (id) => document.getElementById(id);
  const isSaved = !location.protocol.startsWith("http");
  let key = "";
  try { key = sessionStorage.getItem(KEY) || ""; } catch { /* a browser that keeps nothing asks each time */ }

  const element = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text !== undefined && text !== null) made.textContent = String(text);
    if (kind) made.className = kind;
    return made;
  };
  const fill = (id, ...children) => byId(id).replaceChildren(...children);
  const show = (id, wanted) => { byId(id).hidden = !wanted; };
  const lit = (text, kind, tag = "span") => element(tag, `${SIGNS[kind] || ""} ${text}`, kind);

  const number = (value, digits = 0) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const perSecond = (value) => number(value, value < 10 ? 1 : 0);
  const bytes = (value) => {
    if (!value) return "–";
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    const step = Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
    return `${number(value / 1024 ** step, step > 2 ? 1 : 0)} ${units[step]}`;
  };
  const duration = (s) => {
    if (s === null || s === undefined) return "–";
    if (s < 1) return `${number(s * 1000)} ms`;
    if (s < 60) return `${number(s, s < 10 ? 1 : 0)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
    return s < 86400 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  };
  const share = (value) => (value === null || value === undefined ? "–" : `${number(value * 100)} %`);
  const cores = (value) => (value === null || value === undefined ? "–" : `${number(value * 100)} %`);

  // columns: [heading, cell of a row (text or element), class]
  const table = (rows, columns, nothing) => {
    if (!rows.length) return element("p", nothing, "quiet");
    const made = element("table"), head = element("tr");
    for (const [heading, , kind] of columns) {
      const cell = element("th", heading, kind === "number" ? kind : "");
      cell.scope = "col";
      head.append(cell);
    }
    const body = element("tbody");
    for (const row of rows) {
      const line = element("tr");
      for (const [, cellOf, kind] of columns) {
        const content = cellOf(row), cell = element("td", undefined, kind);
        cell.append(content instanceof Node ? content : String(content ?? "–"));
        line.append(cell);
      }
      body.append(line);
    }
    const top = element("thead");
    top.append(head);
    made.append(top, body);
    return made;
  };

  const SVG = "http://www.w3.org/2000/svg";
  const path = (kind, steps) => {
    const made = document.createElementNS(SVG, "path");
    made.setAttribute("class", kind);
    made.setAttribute("d", steps);
    return made;
  };
  // Runs of neighbouring values; a gap is where there was nothing to measure.
  const runs = (values) => values.reduce((found, value, at) => {
    if (value === null) return found;
    if (at === 0 || values[at - 1] === null) found.push([]);
    found[found.length - 1].push([at, value]);
    return found;
  }, []);
  const chart = (title, values, told) => {
    const card = element("div", undefined, "card"), head = element("div", undefined, "chart-head");
    const known = values.filter((value) => value !== null);
    const top = Math.max(...known, 0) || 1, last = Math.max(1, values.length - 1);
    head.append(element("span", title), element("span", known.length ? `up to ${told(top)}` : "nothing yet", "quiet"));
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", `0 0 ${last} 100`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("role", "img");
    const latest = known.length ? told(known[known.length - 1]) : "nothing";
    drawing.setAttribute("aria-label", `${title}: ${latest} now, ${told(Math.max(...known, 0))} at most`);
    for (const run of runs(values)) {
      const points = run.map(([at, value]) => `${at} ${98 - (value / top) * 94}`);
      if (points.length === 1) { drawing.append(path("dot", `M${points[0]}l0 0`)); continue; }
      drawing.append(path("area", `M${run[0][0]} 100L${points.join("L")}L${run[run.length - 1][0]} 100Z`));
      drawing.append(path("line", `M${points.join("L")}`));
    }
    card.append(head, drawing);
    return card;
  };
  const figure = (title, text, kind) => {
    const card = element("div", undefined, "card");
    card.append(element("div", title, "quiet"), element("div", text, `figure ${kind || ""}`));
    return card;
  };

  const drawTraffic = (status) => {
    const traffic = status.traffic;
    show("figures", traffic);
    show("charts", traffic);
    if (!traffic) return;
    const rate = traffic.requests / traffic.window_s, waiting = status.tasks.reduce((sum, task) => sum + task.queue.reduce((some, line) => some + line.waiting, 0), 0);
    fill("figures",
      figure("Requests per second", perSecond(rate)),
      figure("Failed", traffic.requests ? `${number((traffic.failures / traffic.requests) * 100, 1)} %` : "–", traffic.failures ? "bad" : ""),
      figure("Median", duration(traffic.window_p50_s)),
      figure("90 % within", duration(traffic.window_p90_s)),
      figure("99 % within", duration(traffic.window_p99_s)),
      figure("Waiting", number(waiting), waiting ? "warn" : ""));
    fill("charts",
      chart("Requests per second", traffic.rate, perSecond),
      chart("Median duration", traffic.p50_s, duration),
      chart("90 % within", traffic.p90_s, duration));
  };

  const drawTasks = (status) => {
    const columns = [["Task", (task) => task.name],
      ["State", (task) => (task.ready ? lit(task.degraded.length ? "degraded" : "ready", task.degraded.length ? "warn" : "good") : lit("not ready", "bad"))]];
    if (status.is_whole) {
      columns.push(["At work", (task) => `${task.busy} of ${task.able}`, "number"],
        ["Workers", (task) => `${task.able} of ${task.places}`, "number"],
        ["Spares", (task) => task.spares_ready, "number"],
        ["Inside", (task) => `${task.inside} of ${task.limit}`, "number"],
        ["Waiting (oldest)", (task) => task.queue.map((line) => `${line.priority} ${line.waiting}${line.waiting ? ` (${duration(line.oldest_s)})` : ""}`).join(", ")],
        ["Breaker", (task) => task.breaker]);
    }
    columns.push(["About", (task) => task.why_not || (task.degraded.length ? `gives up: ${task.degraded.join(", ")}` : ""), "words"]);
    fill("tasks", table(status.tasks, columns, "No task is served."));
  };

  const drawIncidents = (status) => {
    const columns = [["Severity", (one) => lit(one.severity, GRADES[one.severity] || "warn")], ["Kind", (one) => one.kind],
      ["Since", (one) => duration(Math.max(0, status.at_s - Date.parse(one.since) / 1000))]];
    if (status.is_whole) columns.push(["About", (one) => one.subject], ["Seen", (one) => one.evidence, "words"], ["Id", (one) => one.id]);
    fill("incidents", table(status.incidents, columns, "Nothing is wrong."));
  };

  const drawWorkers = (status) => {
    show("workers-card", status.is_whole);
    fill("workers", table(status.workers, [
      ["Task", (worker) => worker.task], ["Place", (worker) => worker.place],
      ["State", (worker) => lit(worker.state, STATES[worker.state] || "bad")],
      ["Inside", (worker) => worker.working_on, "number"], ["CPU", (worker) => cores(worker.cpu), "number"],
      ["Memory", (worker) => bytes(worker.rss_bytes), "number"], ["Device memory", (worker) => bytes(worker.device_bytes), "number"],
      ["Served", (worker) => number(worker.served), "number"], ["Up", (worker) => duration(worker.age_s), "number"],
      ["Deaths here", (worker) => (worker.deaths ? element("span", worker.deaths, "bad") : "0"), "number"],
      ["Step", (worker) => (worker.level ? element("span", worker.level, "warn") : "0"), "number"]], "No worker lives."));
  };

  const drawJobs = (status) => {
    show("jobs-card", status.jobs);
    if (!status.jobs) return;
    const counts = Object.entries(status.jobs.counts).map(([state, count]) => `${count} ${state}`).join(", ");
    const done = (job) => {
      const bar = element("progress");
      bar.max = 1; bar.value = job.share;
      bar.setAttribute("aria-label", `job ${job.id}`);
      const cell = element("span");
      cell.append(bar, ` ${share(job.share)}`);
      return cell;
    };
    fill("jobs", element("p", counts, "quiet"), table(status.jobs.latest, [
      ["Job", (job) => job.id], ["State", (job) => lit(job.state, STATES[job.state] || "quiet")], ["Task", (job) => job.task],
      ["Priority", (job) => job.priority], ["Done", done],
      ["Segments", (job) => `${job.segments_done} of ${job.segments_total}`, "number"], ["Items", (job) => `${job.items_done} of ${job.items_total}`, "number"],
      ["Frames/s", (job) => (job.fps ? number(job.fps, 1) : "–"), "number"], ["Left", (job) => duration(job.left_s), "number"],
      ["Held", (job) => job.held, "words"]], "No job is open."));
  };

  const drawMachine = (status) => {
    show("devices-card", status.devices.length);
    fill("devices", table(status.devices, [
      ["Device", (device) => device.name], ["Use", (device) => share(device.utilisation), "number"],
      ["Memory", (device) => `${bytes(device.memory_used_bytes)} of ${bytes(device.memory_total_bytes)}`, "number"],
      ["Temperature", (device) => (device.temperature_c === null ? "–" : `${number(device.temperature_c)} °C`), "number"],
      ["Power", (device) => (device.power_w === null ? "–" : `${number(device.power_w)} W`), "number"]], ""));
    show("probes-card", status.is_whole);
    fill("probes", element("p", `${status.probes_ok} readings are as they should be. Server: ${bytes(status.server_rss_bytes)}, CPU ${cores(status.server_cpu)}, ${status.running} answers under way.`, "quiet"),
      ...(status.probes.length ? [table(status.probes, [
        ["Status", (probe) => lit(probe.status, GRADES[probe.status] || "bad")], ["Probe", (probe) => probe.probe], ["Of", (probe) => probe.subject],
        ["Value", (probe) => (probe.value === null ? "–" : `${number(probe.value, 2)} ${probe.unit}`), "number"], ["Note", (probe) => probe.note, "words"]], "")] : []));
  };

  const draw = (status) => {
    const kind = WORDS[status.word] || "bad";
    byId("word").className = `word ${kind}`;
    const told = `${SIGNS[kind]} ${status.word}`;
    if (byId("word").textContent !== told) byId("word").textContent = told; // else it would be read aloud each second
    document.title = `${SIGNS[kind]} ${status.word} – Steadfast`;
    byId("version").textContent = status.is_whole ? `${status.version}, up ${duration(status.uptime_s)}` : "";
    show("reasons", status.reasons.length);
    const list = element("ul");
    list.append(...status.reasons.map((reason) => element("li", reason)));
    fill("reasons", list);
    drawTraffic(status); drawTasks(status); drawIncidents(status); drawWorkers(status); drawJobs(status); drawMachine(status);
    show("entry", !status.is_whole && !isSaved);
    show("forget", key && !isSaved);
  };

  const say = (text, kind) => {
    const line = byId("connection");
    line.className = kind;
    if (line.textContent !== text) line.textContent = text;
  };
  const keep = (given) => {
    key = given;
    try { if (given) sessionStorage.setItem(KEY, given); else sessionStorage.removeItem(KEY); } catch { /* see above */ }
  };

  let lost = 0;
  const ask = async () => {
    const asked = key;
    try {
      const answer = await fetch("/v1/status", { headers: asked ? { Authorization: `Bearer ${asked}` } : {}, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (asked && (answer.status === 401 || answer.status === 403)) {
        const problem = await answer.json();
        byId("refusal").textContent = problem.detail;
        if (key === asked) keep("");
      } else if (!answer.ok) {
        throw new Error(`status ${answer.status}`);
      } else {
        draw(await answer.json());
        if (asked) byId("refusal").textContent = "";
        lost = 0;
        say("live", "quiet");
      }
    } catch {
      lost += 1;
      say(`No answer; asking again (${lost}). What is shown is old.`, "bad");
    }
    setTimeout(ask, document.hidden ? EVERY_MS * 10 : EVERY_MS);
  };

  byId("entry").addEventListener("submit", (event) => { event.preventDefault(); byId("refusal").textContent = ""; keep(byId("key").value.trim()); byId("key").value = ""; });
  byId("forget").addEventListener("click", () => { keep(""); location.reload(); });
  draw(JSON.parse(byId("document").textContent));
  if (isSaved) say("A saved page: as it stood then.", "quiet"); else ask();
})();
