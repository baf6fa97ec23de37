// The realtime side: one WebSocket that comes back by itself, the rooms and the
// messages that it brings, and the outbox of what is to be sent. Nothing here
// touches the page.

import { Refused, SessionOver, Unavailable, base, patience } from "./session.js";

const fields = {
  messages: ["id", "text", "nonce", "room", "date_created", "user_created.id", "user_created.first_name", "user_created.last_name"],
  rooms: ["id", "name", "topic", "archived"],
};
const newest = 100; // messages read when the link comes up
const attempts = 3; // times a request is sent without an answer before its author is told
const silence = 45_000; // ms without a frame before the socket is probed: Directus pings every 30 s
const longestDelay = 6000; // ms between two tries to connect, half as much more at most
const longestTimer = 2 ** 31 - 1; // ms; browsers fire a longer one at once

// The access token was not accepted, or has expired.
class LoginNeeded extends Unavailable {}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Unavailable("Directus does not answer.")), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Waits, but not longer than until the signal or the return of the network.
function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = new AbortController();
    const end = () => { clearTimeout(timer); done.abort(); resolve(); };
    const timer = setTimeout(end, Math.min(ms, longestTimer));
    addEventListener("online", end, { signal: done.signal });
    signal.addEventListener("abort", end, { signal: done.signal });
    if (signal.aborted) end();
  });
}

// A Connection is one WebSocket from its opening to its end, with its requests
// and their answers matched by uid.
class Connection {
  #socket;
  #on;
  #pending = new Map(); // uid to {type, resolve, reject}
  #subscribed = new Map(); // uid to the collection of a subscription
  #uids = 0;
  #watchdog;
  #over = new AbortController();

  constructor(on) {
    const url = new URL("websocket", base);
    url.protocol = url.protocol.replace("http", "ws");
    this.#on = on;
    this.#socket = new WebSocket(url);
    this.#socket.onclose = () => this.end(new Unavailable("Directus is not connected."));
    this.#socket.onmessage = ({ data }) => {
      this.#watch();
      this.#frame(JSON.parse(data));
    };
  }

  // Aborted, with the reason, when the connection is over.
  get over() {
    return this.#over.signal;
  }

  opened() {
    return within(patience, new Promise((resolve, reject) => {
      this.#socket.onopen = resolve;
      this.over.addEventListener("abort", () => reject(this.over.reason));
    }));
  }

  // Ends the connection now: no frame is looked at any more, whatever arrives.
  end(reason) {
    clearTimeout(this.#watchdog);
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
    this.#over.abort(reason);
  }

  // Sends a frame and returns the data of its answer.
  request(frame) {
    if (this.over.aborted) return Promise.reject(this.over.reason);
    const uid = String(++this.#uids);
    const answer = new Promise((resolve, reject) => this.#pending.set(uid, { type: frame.type, resolve, reject }));
    this.#socket.send(JSON.stringify({ ...frame, uid }));
    return within(patience, answer);
  }

  // Asks for the events of one kind.
  subscribe(collection, event) {
    this.#subscribed.set(String(this.#uids + 1), collection);
    return this.request({ type: "subscribe", collection, event, query: { fields: fields[collection] } });
  }

  read(collection, query) {
    return this.request({ type: "items", action: "read", collection, query: { fields: fields[collection], ...query } });
  }

  // Probes a silent socket. "unsubscribe" is echoed even where Directus has its
  // heartbeat off; pings of the WebSocket protocol are never answered.
  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#socket.send(JSON.stringify({ type: "unsubscribe", uid: "probe" }));
      this.#watchdog = setTimeout(() => this.end(new Unavailable("Directus went silent.")), patience);
    }, silence);
  }

  #frame(frame) {
    if (frame.type === "ping") {
      this.#socket.send(JSON.stringify({ type: "pong" }));
    } else if (frame.type === "subscription" && this.#event(frame)) {
      return;
    } else if (frame.type === "auth" && frame.status === "error") {
      // Whatever else this socket says has not been said to us.
      this.end(new LoginNeeded("Directus asks for a new login."));
    } else if (!this.#settle(frame) && frame.status === "error") {
      // An error about the subscription stands for a message that did not come.
      this.end(new Unavailable(frame.error?.message || "Directus reported an error."));
    }
  }

  // Passes on what an event tells. It reports false if the frame is none.
  #event({ event, data, uid }) {
    const of = this.#subscribed.get(String(uid)) === "rooms"
      ? { create: "onRoom", update: "onRoom", delete: "onRoomGone" }
      : { create: "onMessage", update: "onUpdate", delete: "onDelete" };
    if (!of[event]) return false;
    for (const item of data) this.#on[of[event]](item);
    return true;
  }

  // Ends the request that the frame answers, and tells whether there was one.
  // Directus 10 and 11 leave the uid out of errors; one request of a type is
  // under way at a time, so the type tells.
  #settle(frame) {
    const type = frame.type === "subscription" ? "subscribe" : frame.type;
    const uid = frame.uid ?? [...this.#pending.keys()].find((key) => this.#pending.get(key).type === type);
    const request = this.#pending.get(String(uid));
    if (!request) return false;
    this.#pending.delete(String(uid));
    if (frame.status === "error") request.reject(new Refused(frame.error?.code, frame.error?.message));
    else request.resolve(frame.data);
    return true;
  }
}

// A Link keeps a session connected. It calls
//   onState({up, text})  on each change, with words to show,
//   onUser(user)         with who is logged in, once, before the first history,
//   onRooms(rooms)       with all rooms, each time it comes up, before the history,
//   onRoom(room)         for every room that is made or changed,
//   onRoomGone(id)       for every room that is deleted,
//   onHistory(messages)  with the latest messages of the room, oldest first, each time
//                        it comes up and after enter(),
//   onMessage(message)   for every message created from then on, some more than once,
//   onUpdate(message)    for every message that is changed,
//   onDelete(id)         for every message that is deleted, with a number or a string,
//   onEnd(reason)        when the session is over.
// It subscribes first and reads after, so that nothing is missed in between.
export class Link {
  #session;
  #on;
  #user;
  #room = null; // whose history is shown; null: the messages without a room
  #connection = null; // set while messages can be sent
  #outbox = [];
  #sending = false;
  #closed = new AbortController();

  constructor(session, handlers) {
    this.#session = session;
    this.#on = handlers;
  }

  close() {
    this.#closed.abort();
    for (const m of this.#outbox.splice(0)) m.reject(new Unavailable("You are logged out."));
  }

  // Goes to a room and reads its history, now or when the link is up.
  async enter(room) {
    this.#room = room;
    const connection = this.#connection;
    if (!connection) return;
    try {
      await this.#history(connection);
    } catch (error) {
      connection.end(error);
    }
  }

  async #history(connection) {
    const room = this.#room;
    const filter = { room: room === null ? { _null: true } : { _eq: room } };
    const messages = await connection.read("messages", { filter, sort: ["-date_created", "-id"], limit: newest });
    if (room === this.#room) this.#on.onHistory(messages.reverse());
  }

  // Queues the making of a room.
  make(name) {
    return this.#queue("rooms", { action: "create", data: { name }, query: { fields: fields.rooms } }, this.#on.onRoom);
  }

  // Queues a text for the room. The promise ends when Directus has stored or refused it. The
  // nonce makes it harmless to repeat: the collection keeps it unique.
  send(text, nonce) {
    return this.#queue("messages", { action: "create", data: { text, nonce, room: this.#room }, query: { fields: fields.messages } }, this.#on.onMessage);
  }

  // Queues a change of a message of one's own.
  change(id, text) {
    return this.#queue("messages", { action: "update", id, data: { text } }, () => this.#on.onUpdate({ id, text }));
  }

  // Queues the deletion of a message of one's own.
  remove(id) {
    return this.#queue("messages", { action: "delete", id }, () => this.#on.onDelete(id));
  }

  #queue(collection, frame, done) {
    return new Promise((resolve, reject) => {
      this.#outbox.push({ frame: { type: "items", collection, ...frame }, done, resolve, reject, unanswered: 0 });
      this.#flush();
    });
  }

  // Runs until close() or the end of the session.
  async run() {
    let failures = 0;
    while (!this.#closed.signal.aborted) {
      this.#on.onState({ up: false, text: "Connecting…" });
      const begun = Date.now();
      const reason = await this.#connected();
      if (this.#closed.signal.aborted) return;
      if (reason instanceof SessionOver) {
        this.#on.onEnd(reason);
        return;
      }
      if (reason instanceof LoginNeeded) this.#session.distrust();
      failures = Date.now() - begun > 60_000 ? 0 : failures + 1;
      const delay = Math.min(longestDelay, 250 * 2 ** failures) * (0.5 + Math.random());
      const when = delay < 2000 ? "" : ` in ${Math.round(delay / 1000)} s`;
      this.#on.onState({ up: false, text: `${reason.message} Trying again${when}…` });
      await pause(delay, this.#closed.signal);
    }
  }

  // Returns the reason when the connection is over.
  async #connected() {
    let connection;
    const closed = () => connection?.end(new Unavailable("You are logged out."));
    try {
      const token = await this.#session.token();
      connection = new Connection(this.#on);
      this.#closed.signal.addEventListener("abort", closed);
      await this.#prepare(connection, token);
      this.#connection = connection;
      this.#flush();
      await this.#keepAuthenticated(connection);
      return connection.over.reason;
    } catch (error) {
      return error;
    } finally {
      this.#connection = null;
      this.#closed.signal.removeEventListener("abort", closed);
      connection?.end(new Unavailable("The connection was given up."));
    }
  }

  async #prepare(connection, token) {
    await connection.opened();
    await connection.request({ type: "auth", access_token: token });
    for (const collection of ["rooms", "messages"]) {
      for (const event of ["create", "update", "delete"]) await connection.subscribe(collection, event);
    }
    if (!this.#user) {
      this.#user = await this.#session.me();
      this.#on.onUser(this.#user);
    }
    this.#on.onRooms(await connection.read("rooms", { sort: ["id"], limit: -1 }));
    await this.#history(connection);
    this.#on.onState({ up: true, text: "Connected" });
  }

  // Authenticates anew on the open socket, before the access token expires.
  async #keepAuthenticated(connection) {
    for (;;) {
      await pause(this.#session.renewIn, connection.over);
      if (connection.over.aborted) return;
      await connection.request({ type: "auth", access_token: await this.#session.token() });
    }
  }

  // Sends the outbox, one message after the other: Directus may store requests
  // that it has at the same time in any order. What gets no answer is sent again
  // when the link is back, under the same nonce.
  async #flush() {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#connection && this.#outbox.length) await this.#sendOne(this.#connection, this.#outbox[0]);
    this.#sending = false;
  }

  async #sendOne(connection, m) {
    const done = () => { this.#outbox = this.#outbox.filter((other) => other !== m); };
    try {
      m.done(await connection.request(m.frame));
      done();
      m.resolve();
    } catch (error) {
      if (error instanceof Refused) {
        done();
        if (error.code === "RECORD_NOT_UNIQUE") m.resolve();
        else m.reject(error);
        return;
      }
      if (this.#connection === connection) this.#connection = null;
      connection.end(error);
      if (++m.unanswered < attempts) return;
      done();
      m.reject(new Unavailable("No answer came. Perhaps it is stored."));
    }
  }
}
