// The page: the login form, the rooms, the list of messages, the line to write in.

import { Refused, Session } from "./session.js";
import { Link } from "./link.js";
import { Log, element, fill, nameOf } from "./log.js";

const byId = (id) => document.getElementById(id);
const page = Object.fromEntries(["status", "logout", "problem", "login", "chat", "rooms", "make", "name", "topic", "members", "log", "outbox", "compose", "text", "send", "cancel"].map((id) => [id, byId(id)]));
const membersEvery = 5000; // ms between two looks at who is on IRC

function problem(text) {
  page.problem.textContent = text;
  page.problem.hidden = !text;
}

const log = new Log(page.log, {
  onEdit: (message) => edit(message),
  onDelete: (message) => chat?.remove(message),
});

// A Chat is what is on the screen between a login and a logout.
class Chat {
  #session;
  #link;
  #me = null;
  #rooms = new Map(); // id to a room that is not archived, in the order of their making
  #room = null; // id of the one that is shown; null: there is none
  #news = new Set(); // ids of rooms with messages that were not shown
  #waiting = new Map(); // nonce to the <li> of a message on its way
  #watch; // looks who is on IRC

  constructor(session) {
    this.#session = session;
    this.#link = new Link(session, {
      onUser: (user) => { this.#me = user; },
      onState: (state) => this.#state(state),
      onRooms: (rooms) => {
        this.#rooms.clear();
        for (const room of rooms) this.#keep(room);
        this.#settle();
      },
      onRoom: (room) => {
        this.#keep(room);
        this.#settle();
      },
      onRoomGone: (id) => {
        this.#rooms.delete(Number(id));
        this.#settle();
      },
      onHistory: (messages) => {
        log.history(messages, this.#me);
        for (const m of messages) this.#arrived(m.nonce);
      },
      onMessage: (message) => {
        this.#show(message);
        this.#arrived(message.nonce);
      },
      onUpdate: (message) => {
        const moved = message.room !== undefined && message.room !== this.#room;
        if (moved) log.remove(message.id);
        else log.update(message);
      },
      onDelete: (id) => log.remove(id),
      onEnd: (reason) => logOut(reason.message),
    });
  }

  run() {
    this.#members();
    this.#watch = setInterval(() => this.#members(), membersEvery);
    return this.#link.run();
  }

  close() {
    clearInterval(this.#watch);
    this.#link.close();
    log.clear();
    page.rooms.replaceChildren();
  }

  logout() {
    this.close();
    return this.#session.logout();
  }

  forget() {
    this.close();
    this.#session.forget();
  }

  // Goes to a room: null is the place of the messages without one.
  enter(id) {
    this.#room = id;
    this.#news.delete(id);
    edit(null);
    log.clear();
    page.members.textContent = "";
    this.#render();
    this.#members();
    return this.#link.enter(id);
  }

  // Makes a room, or finds the one of that name, and goes there.
  async make(name) {
    const found = () => [...this.#rooms.values()].find((room) => room.name.toLowerCase() === name.toLowerCase());
    try {
      if (!found()) await this.#link.make(name);
      if (found()) this.enter(found().id);
      else problem(`There is an archived room "${name}".`);
    } catch (error) {
      problem(`Not made: ${error.message}\n${name}`);
    }
  }

  #keep(room) {
    if (room.archived) this.#rooms.delete(room.id);
    else this.#rooms.set(room.id, room);
  }

  // Shows the rooms as they are now. If the present one is gone, the first one is entered.
  #settle() {
    if (this.#rooms.has(this.#room) || (this.#room === null && !this.#rooms.size)) this.#render();
    else this.enter(this.#rooms.keys().next().value ?? null);
  }

  #render() {
    page.rooms.replaceChildren(...[...this.#rooms.values()].map((room) => {
      const button = element("button", room.name, { type: "button", className: this.#news.has(room.id) ? "news" : "", onclick: () => this.enter(room.id) });
      if (room.id === this.#room) button.setAttribute("aria-current", "true");
      return button;
    }));
    page.topic.textContent = this.#rooms.get(this.#room)?.topic ?? "";
  }

  #show(message) {
    if (message.room === this.#room) log.add(message, this.#me);
    else if (this.#rooms.has(message.room)) {
      this.#news.add(message.room);
      this.#render();
    }
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

  async change(message, text) {
    try {
      await this.#link.change(message.id, text);
    } catch (error) {
      problem(`Not changed: ${error.message}\n${text}`);
    }
  }

  async remove(message) {
    try {
      await this.#link.remove(message.id);
    } catch (error) {
      problem(`Not deleted: ${error.message}`);
    }
  }

  // Shows who is in the room on IRC. If the demo does not answer, the link says so.
  async #members() {
    const room = this.#rooms.get(this.#room);
    if (document.hidden || !room) return;
    const answer = await fetch(`members?room=${encodeURIComponent(room.id)}`, { signal: AbortSignal.timeout(membersEvery) }).catch(() => null);
    const nicks = answer?.ok ? await answer.json().catch(() => null) : null;
    if (nicks && room.id === this.#room) page.members.textContent = nicks.length ? `In the room on IRC: ${nicks.join(", ")}` : "Nobody is in the room on IRC.";
  }

  #arrived(nonce) {
    this.#waiting.get(nonce)?.remove();
    this.#waiting.delete(nonce);
  }

  #state({ up, text }) {
    if (!up) log.reconnecting();
    page.status.textContent = up && this.#me ? `${text} as ${nameOf(this.#me)}` : text;
    page.status.classList.toggle("up", up);
  }
}

let chat = null;
let editing = null; // the message whose text is in the line to write in

function edit(message) {
  if (message) page.text.value = message.text ?? "";
  else if (editing) page.text.value = "";
  editing = message;
  page.send.textContent = message ? "Save" : "Send";
  page.cancel.hidden = !message;
  page.text.focus();
}

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
  edit(null);
  page.status.textContent = "";
  page.chat.hidden = page.logout.hidden = true;
  page.login.hidden = false;
  problem(reason);
  page.login.reset(); // to what the server has filled in
  byId("email").focus();
}

async function logIn() {
  const buttons = page.login.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
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
    for (const button of buttons) button.disabled = false;
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
  const changed = editing;
  edit(null);
  page.text.value = "";
  problem("");
  if (changed) chat?.change(changed, text);
  else chat?.send(text);
});

page.make.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = page.name.value.trim().replace(/^#/, "");
  if (!name) return;
  page.name.value = "";
  problem("");
  chat?.make(name);
});

page.cancel.addEventListener("click", () => edit(null));

for (const other of document.querySelectorAll("button[data-email]")) {
  other.addEventListener("click", () => {
    byId("email").value = other.dataset.email;
    byId("password").value = other.dataset.password;
    logIn();
  });
}

page.text.addEventListener("keydown", (event) => {
  if (event.key === "Escape") edit(null);
  // While an input method composes, Enter chooses a candidate.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  page.compose.requestSubmit();
});

const earlier = Session.restore();
if (earlier) enter(earlier);
