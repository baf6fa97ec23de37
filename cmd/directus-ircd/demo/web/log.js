// The list of messages. All text goes in by textContent, so nothing that people
// write becomes markup.

const longest = 1000; // lines kept in the page

// The name that IRC shows, too: the first of these that is filled in.
export function nameOf(user) {
  return user?.first_name || user?.last_name || "somebody";
}

export function element(name, text, properties) {
  const e = document.createElement(name);
  e.textContent = text;
  return Object.assign(e, properties);
}

// A web address without the punctuation that ends the sentence around it.
const address = /https?:\/\/[^\s<>"]*[^\s<>"'.,;:!?)\]}]/g;

// The nodes of a text, with its web addresses as links.
function linked(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: url, index } of text.matchAll(address)) {
    nodes.push(text.slice(end, index), element("a", url, { href: url, target: "_blank", rel: "noopener noreferrer" }));
    end = index + url.length;
  }
  return [...nodes, text.slice(end)];
}

// Builds the inside of a line, or builds it anew. The text "/me waves" is an
// action, as on IRC.
export function fill(li, name, text) {
  const action = /^\/me\s/i.test(text);
  const said = element("span", "");
  said.append(...linked(action ? text.slice(4) : text));
  li.classList.toggle("action", action);
  li.replaceChildren(element("time", ""), element("b", action ? `* ${name}` : name), said);
}

// A Log shows messages by (date, id), each once. It stays at its end until
// somebody scrolls up, also when the things around it leave it less room. On
// lines of one's own are two buttons, which call onEdit and onDelete with the
// message.
export class Log {
  #lines = new Map(); // id, as a string, to its <li>
  #news = new Set(); // ids of which this connection has told something
  #day = "";
  #follow = true;
  #top = 0; // where it was scrolled to last

  constructor(list, { onEdit, onDelete }) {
    this.list = list;
    this.onEdit = onEdit;
    this.onDelete = onDelete;
    list.addEventListener("scroll", () => {
      if (list.scrollHeight - list.scrollTop - list.clientHeight < 40) this.#follow = true;
      else if (list.scrollTop < this.#top) this.#follow = false;
      this.#top = list.scrollTop;
    });
    new ResizeObserver(() => this.#settle()).observe(list);
  }

  follow() {
    this.#follow = true;
    this.#settle();
  }

  #settle() {
    if (!this.#follow) return;
    this.list.scrollTop = this.list.scrollHeight;
    this.#top = this.list.scrollTop;
  }

  clear() {
    this.#lines.clear();
    this.#news.clear();
    this.list.replaceChildren();
  }

  // The connection begins anew: what changed meanwhile is in the next history.
  reconnecting() {
    this.#news.clear();
  }

  // Shows the latest messages, oldest first, as they are now. Where they do not
  // reach back to what is shown there may be a hole between, so what is older goes.
  // What came as an event is newer than they are.
  history(messages, me) {
    const listed = new Set(messages.map((m) => String(m.id)));
    const hole = !messages.some((m) => this.#lines.has(String(m.id)));
    for (const [id, li] of [...this.#lines]) {
      const covered = hole || this.#later(li.message, messages[0]);
      if (covered && !listed.has(id) && !this.#news.has(id)) this.#drop(id);
    }
    for (const m of messages) {
      if (this.#news.has(String(m.id))) continue;
      if (this.#lines.has(String(m.id))) this.#change(m);
      else this.#insert(m, me);
    }
  }

  add(message, me) {
    const id = String(message.id);
    if (this.#lines.has(id) || this.#news.has(id)) return;
    this.#news.add(id);
    this.#insert(message, me);
  }

  update(message) {
    this.#news.add(String(message.id));
    this.#change(message);
  }

  remove(id) {
    this.#news.add(String(id));
    this.#drop(String(id));
  }

  #insert(message, me) {
    const own = me !== null && message.user_created?.id === me.id;
    const li = element("li", "", { message, className: own ? "own" : "" });
    this.#lines.set(String(message.id), li);
    this.#render(li);
    let before = this.list.lastElementChild;
    while (before && this.#later(before.message, message)) before = before.previousElementSibling;
    if (before) before.after(li);
    else this.list.prepend(li);
    this.#date(li);
    while (this.#lines.size > longest) this.#drop(String(this.list.firstElementChild.message.id));
    this.#settle();
  }

  #change(message) {
    const li = this.#lines.get(String(message.id));
    if (!li || li.message.text === message.text) return;
    li.message = { ...li.message, text: message.text };
    this.#render(li);
    this.#date(li);
    this.#settle();
  }

  #drop(id) {
    this.#lines.get(id)?.remove();
    this.#lines.delete(id);
  }

  #render(li) {
    fill(li, nameOf(li.message.user_created), li.message.text ?? "");
    if (!li.classList.contains("own")) return;
    const edit = element("button", "Edit", { type: "button", onclick: () => this.onEdit(li.message) });
    const remove = element("button", "Delete", { type: "button" });
    remove.onclick = () => {
      if (remove.textContent === "Sure?") this.onDelete(li.message);
      remove.textContent = "Sure?";
    };
    remove.onblur = () => { remove.textContent = "Delete"; };
    const tools = element("div", "", { className: "tools" });
    tools.append(edit, remove);
    li.append(tools);
  }

  #later(a, b) {
    const difference = Date.parse(a.date_created) - Date.parse(b.date_created);
    return difference ? difference > 0 : a.id > b.id;
  }

  // Writes the time; on a new day all lines of yesterday get their date.
  #date(li) {
    const today = new Date().toDateString();
    const lines = this.#day === today ? [li] : this.list.children;
    this.#day = today;
    for (const { message, firstElementChild: time } of lines) {
      const date = new Date(message.date_created);
      if (Number.isNaN(date.getTime())) continue;
      const clock = { hour: "2-digit", minute: "2-digit" };
      time.textContent = date.toDateString() === today
        ? date.toLocaleTimeString([], clock)
        : date.toLocaleString([], { day: "numeric", month: "short", ...clock });
      time.dateTime = date.toISOString();
      time.title = date.toLocaleString();
    }
  }
}
