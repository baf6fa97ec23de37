// The page: the login form, the list of messages, the line to write in. All
// text goes in by textContent, so nothing that people write becomes markup.

import { Refused, Session } from "./session.js";
import { Link } from "./link.js";

const byId = (id) => document.getElementById(id);
const page = Object.fromEntries(["status", "logout", "problem", "login", "chat", "log", "outbox", "compose", "text"].map((id) => [id, byId(id)]));
const longest = 1000; // lines kept in the page

function problem(text) {
  page.problem.textContent = text;
  page.problem.hidden = !text;
}

// The name that IRC shows, too: the first of these that is filled in.
function nameOf(user) {
  return user?.first_name || user?.last_name || "somebody";
}

function element(name, text, properties) {
  const e = document.createElement(name);
  e.textContent = text;
  return Object.assign(e, properties);
}

// Builds the inside of a line. The text "/me waves" is an action, as on IRC.
function fill(li, name, text) {
  const action = /^\/me\s/i.test(text);
  li.classList.toggle("action", action);
  li.append(element("time", ""), element("b", action ? `* ${name}` : name), element("span", action ? text.slice(4) : text));
}

// A Log shows messages by (date, id), each once. It stays at its end until
// somebody scrolls up, also when the things around it leave it less room.
class Log {
  #lines = new Map(); // id to its <li>
  #day = "";
  #follow = true;
  #top = 0; // where it was scrolled to last

  constructor(list) {
    this.list = list;
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
    this.list.replaceChildren();
  }

  // Shows the latest messages. Where they do not reach back to what is shown
  // there may be a hole between, so the list starts afresh.
  history(messages, me) {
    if (!messages.some((m) => this.#lines.has(m.id))) this.clear();
    for (const m of messages) this.add(m, me);
  }

  add(message, me) {
    if (this.#lines.has(message.id)) return;
    const li = element("li", "", { message, className: message.user_created?.id === me?.id ? "own" : "" });
    fill(li, nameOf(message.user_created), message.text ?? "");
    this.#lines.set(message.id, li);
    let before = this.list.lastElementChild;
    while (before && this.#later(before.message, message)) before = before.previousElementSibling;
    if (before) before.after(li);
    else this.list.prepend(li);
    this.#date(li);
    while (this.#lines.size > longest) {
      this.#lines.delete(this.list.firstElementChild.message.id);
      this.list.firstElementChild.remove();
    }
    this.#settle();
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

const log = new Log(page.log);

// A Chat is what is on the screen between a login and a logout.
class Chat {
  #session;
  #link;
  #me = null;
  #waiting = new Map(); // nonce to the <li> of a message on its way

  constructor(session) {
    this.#session = session;
    this.#link = new Link(session, {
      onUser: (user) => { this.#me = user; },
      onState: (state) => this.#state(state),
      onHistory: (messages) => {
        log.history(messages, this.#me);
        for (const m of messages) this.#arrived(m.nonce);
      },
      onMessage: (message) => {
        log.add(message, this.#me);
        this.#arrived(message.nonce);
      },
      onEnd: (reason) => logOut(reason.message),
    });
  }

  run() {
    return this.#link.run();
  }

  close() {
    this.#link.close();
    log.clear();
  }

  logout() {
    this.close();
    return this.#session.logout();
  }

  forget() {
    this.close();
    this.#session.forget();
  }

  async send(text) {
    const nonce = crypto.getRandomValues(new Uint8Array(16)).reduce((s, b) => s + b.toString(16).padStart(2, "0"), "");
    const li = element("li", "");
    fill(li, "sending…", text);
    this.#waiting.set(nonce, li);
    page.outbox.append(li);
    log.follow();
    try {
      await this.#link.send(text, nonce);
    } catch (error) {
      problem(`Not sent: ${error.message}\n${text}`);
      if (!page.text.value.trim()) page.text.value = text;
    }
    this.#arrived(nonce);
  }

  #arrived(nonce) {
    this.#waiting.get(nonce)?.remove();
    this.#waiting.delete(nonce);
  }

  #state({ up, text }) {
    page.status.textContent = up && this.#me ? `${text} as ${nameOf(this.#me)}` : text;
    page.status.classList.toggle("up", up);
  }
}

let chat = null;

function enter(session) {
  chat = new Chat(session);
  page.login.hidden = true;
  page.chat.hidden = page.logout.hidden = false;
  page.text.focus();
  chat.run();
}

function logOut(reason) {
  chat?.forget();
  chat = null;
  page.status.textContent = "";
  page.chat.hidden = page.logout.hidden = true;
  page.login.hidden = false;
  problem(reason);
  byId("password").value = byId("otp").value = "";
  byId("email").focus();
}

async function logIn() {
  const button = page.login.querySelector("button");
  button.disabled = true;
  problem("");
  try {
    const session = await Session.login(byId("email").value.trim(), byId("password").value, byId("otp").value.trim());
    page.login.reset();
    byId("otp-row").hidden = true;
    enter(session);
  } catch (error) {
    if (error instanceof Refused && error.code === "INVALID_OTP") {
      byId("otp-row").hidden = false;
      byId("otp").focus();
      problem("Enter the current one-time code of your authenticator.");
    } else if (error instanceof Refused && error.code === "INVALID_CREDENTIALS") {
      problem("Wrong e-mail or password.");
    } else {
      problem(error.message);
    }
  } finally {
    button.disabled = false;
  }
}

page.login.addEventListener("submit", (event) => {
  event.preventDefault();
  logIn();
});

page.logout.addEventListener("click", () => {
  // Out of reach is out, too: the session at Directus then ends by its age.
  chat?.logout().catch(() => {});
  logOut("");
});

page.compose.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = page.text.value.replaceAll("\0", "").trim();
  if (!text) return;
  page.text.value = "";
  problem("");
  chat?.send(text);
});

page.text.addEventListener("keydown", (event) => {
  // While an input method composes, Enter chooses a candidate.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  page.compose.requestSubmit();
});

const earlier = Session.restore();
if (earlier) enter(earlier);
