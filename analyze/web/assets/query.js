// Ctrl+Enter (or Cmd+Enter) in the statement asks.
const text = document.getElementById("sql");
if (text) {
  text.addEventListener("keydown", (e) => {
    if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey) || e.isComposing) return;
    e.preventDefault();
    text.form.requestSubmit(document.getElementById("run"));
  });
}
