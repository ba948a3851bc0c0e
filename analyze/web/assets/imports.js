// Hands files in, three at a time, with what became of each. Without this
// script the form does it, all at once.

const form = document.getElementById("drop");
const section = document.getElementById("handing");
const list = document.getElementById("handing-list");
const sum = document.getElementById("handing-sum");
const all = document.getElementById("handing-all");

const atOnce = 3;
const shown = 200; // files listed; those that are done leave first
const tries = 6;

const queue = [];
const byExport = new Map(); // export id -> the lines that wait for its outcome
const early = new Map(); // outcomes that came before the receipt
const count = { files: 0, done: 0, taken: 0, before: 0, refused: 0 };
let running = 0;

const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

function tell() {
  section.hidden = false;
  all.hidden = count.done === count.files;
  all.max = count.files;
  all.value = count.done;
  const parts = [`${count.done} of ${plural(count.files, "file")} handed in`];
  if (count.before) parts.push(`${count.before} taken before`);
  if (count.refused) parts.push(`${count.refused} refused`);
  sum.textContent = parts.join(", ") + ".";
}

function line(name) {
  const li = document.createElement("li");
  const label = document.createElement("span");
  label.className = "file-name";
  label.textContent = name;
  label.title = name;
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `handing in ${name}`);
  const state = document.createElement("span");
  state.className = "file-state";
  state.textContent = "waits";
  li.append(label, bar, state);
  list.prepend(li);
  for (let last = list.lastElementChild; list.children.length > shown && last; ) {
    const before = last.previousElementSibling;
    if (last.classList.contains("taken")) last.remove();
    last = before;
  }
  return { li, bar, state };
}

function say(at, kind, text) {
  at.li.className = kind;
  at.state.textContent = text;
}

// send hands one file in and calls done with the status and what was said.
function send(file, name, at, done) {
  const data = new FormData();
  data.append("file", file, name);
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", (e) => { if (e.lengthComputable) at.bar.value = e.loaded / e.total; });
  request.addEventListener("error", () => done(0, null));
  request.addEventListener("load", () => {
    let said = null;
    try { said = JSON.parse(request.responseText)[0]; } catch { /* an error page */ }
    done(request.status, said);
  });
  request.send(data);
}

function outcomeText(e) {
  const what = e.sessions ? `${e.outcome}, ${plural(e.sessions, "session")}` : e.outcome;
  return e.reason ? `${what}: ${e.reason.replaceAll("_", " ")}` : what;
}

function follow(id, at) {
  const known = early.get(id);
  if (known) {
    say(at, known.outcome === "rejected" ? "refused" : "taken", outcomeText(known));
    return;
  }
  say(at, "taken", "taken; being read");
  byExport.set(id, [...(byExport.get(id) || []), at]);
}

document.addEventListener("plodwatch", (e) => {
  const { kind, export_id: id, outcome } = e.detail;
  if (kind !== "outcome" || !id) return;
  early.set(id, e.detail);
  if (early.size > 2000) early.delete(early.keys().next().value);
  for (const at of byExport.get(id) || []) say(at, outcome === "rejected" ? "refused" : "taken", outcomeText(e.detail));
  byExport.delete(id);
});

function finish(at) {
  at.bar.value = 1;
  at.bar.hidden = true;
  running--;
  count.done++;
  tell();
  next();
}

function attempt(job, left) {
  say(job.at, "", "on its way");
  send(job.file, job.name, job.at, (status, said) => {
    const wait = said && said.retry_s;
    if (status === 0 || ((status === 429 || status === 503) && left > 1)) {
      if (left > 1) {
        const seconds = wait || 5;
        say(job.at, "waits", `${said ? said.words : "plodwatch does not answer"}; again in ${seconds} s`);
        setTimeout(() => attempt(job, left - 1), seconds * 1000);
        return;
      }
    }
    if (said && status < 400) {
      count[said.status === 200 ? "before" : "taken"]++;
      if (said.status === 200) say(job.at, "taken", said.words);
      else follow(said.export_id, job.at);
    } else {
      count.refused++;
      say(job.at, "refused", said ? said.words : status === 401 ? "you are no longer signed in" : status === 0 ? "plodwatch does not answer" : `refused (${status})`);
    }
    finish(job.at);
  });
}

function next() {
  while (running < atOnce && queue.length) {
    const { file, name } = queue.shift();
    running++;
    attempt({ file, name, at: line(name) }, tries);
  }
}

function add(files) {
  for (const { file, name } of files) {
    if (file.name.startsWith(".")) continue; // what systems leave in folders
    count.files++;
    if (file.size > Number(form.dataset.maxBytes)) {
      const at = line(name);
      at.bar.hidden = true;
      say(at, "refused", `larger than ${form.dataset.max}; plodwatch import takes it`);
      count.done++;
      count.refused++;
      continue;
    }
    queue.push({ file, name });
  }
  if (count.files) tell();
  next();
}

const listed = (files) => [...files].map((file) => ({ file, name: file.name }));

// walk returns the files below a dropped folder.
async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((yes, no) => entry.file(yes, no));
    return [{ file, name: file.name }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((yes, no) => reader.readEntries(yes, no));
    if (!some.length) return found;
    for (const one of some) found.push(...await walk(one));
  }
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((i) => i.webkitGetAsEntry && i.webkitGetAsEntry()).filter(Boolean);
  if (!entries.length) return add(listed(transfer.files));
  for (const entry of entries) {
    try { add(await walk(entry)); } catch { say(line(entry.name), "refused", "cannot be read"); section.hidden = false; }
  }
}

if (form) {
  document.documentElement.classList.add("js");
  for (const input of form.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => { add(listed(input.files)); input.value = ""; });
  }
  const whole = document.documentElement;
  whole.addEventListener("dragover", (e) => { if (e.dataTransfer.types.includes("Files")) { e.preventDefault(); form.classList.add("over"); } });
  whole.addEventListener("dragleave", (e) => { if (!e.relatedTarget) form.classList.remove("over"); });
  whole.addEventListener("drop", (e) => {
    if (!e.dataTransfer.types.includes("Files")) return;
    e.preventDefault();
    form.classList.remove("over");
    dropped(e.dataTransfer);
  });
  addEventListener("beforeunload", (e) => { if (running || queue.length) e.preventDefault(); });
}
