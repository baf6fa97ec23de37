// A login at Directus by REST: log in, refresh, log out. Nothing here touches
// the page.

// Directus, as the server of this page passes it on.
export const base = new URL("directus/", document.baseURI);

// Milliseconds to wait for any one answer.
export const patience = 10_000;

// Directus said no: asking the same again will not help.
export class Refused extends Error {
  constructor(code, message) {
    super(message || code);
    this.code = code;
  }
}

// Nobody answered, or nobody who could decide: asking later may help.
export class Unavailable extends Error {}

// The session is over: somebody has to log in again.
export class SessionOver extends Error {}

async function rest(method, path, { body, token } = {}) {
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response, answer;
  try {
    response = await fetch(new URL(path, base), {
      method, headers, body: body && JSON.stringify(body), credentials: "omit", signal: AbortSignal.timeout(patience),
    });
    answer = response.status === 204 ? {} : await response.json();
  } catch {
    throw new Unavailable(response ? `Directus is not available (HTTP ${response.status}).` : "The server does not answer.");
  }
  if (response.ok) return answer.data;
  const error = answer.errors?.[0];
  if (response.status >= 500 || response.status === 429) {
    throw new Unavailable(error?.message || `Directus is not available (HTTP ${response.status}).`);
  }
  throw new Refused(error?.extensions?.code ?? `HTTP ${response.status}`, error?.message);
}

// A Session is one login. Its refresh token outlives a reload of the page, in
// the storage of this tab alone: two tabs with one token would end each other's
// session, since every refresh makes the old token worthless.
export class Session {
  #access;
  #refresh;
  #renewAt = 0;
  #renewal;
  #forgotten = false;

  static async login(email, password, otp) {
    const session = new Session();
    session.#take(await rest("POST", "auth/login", { body: { email, password, ...(otp && { otp }) } }));
    return session;
  }

  // Returns the session of an earlier load of this page, if there is one.
  static restore() {
    const token = sessionStorage.getItem("refresh_token");
    if (!token) return null;
    const session = new Session();
    session.#refresh = token;
    return session;
  }

  #take({ access_token, refresh_token, expires }) {
    this.#access = access_token;
    this.#refresh = refresh_token;
    // A third of the life is left for the renewal to succeed in. The wall clock
    // is compared, not a timer awaited: a laptop sleeps.
    this.#renewAt = Date.now() + expires * 2 / 3;
    if (!this.#forgotten) sessionStorage.setItem("refresh_token", refresh_token);
  }

  // Milliseconds until token() returns another one.
  get renewIn() {
    return Math.max(0, this.#renewAt - Date.now());
  }

  // The access token was not accepted: token() asks for another one.
  distrust() {
    this.#renewAt = 0;
  }

  // Returns an access token with at least a third of its life ahead.
  async token() {
    if (this.renewIn > 0) return this.#access;
    this.#renewal ??= this.#renew().finally(() => { this.#renewal = undefined; });
    await this.#renewal;
    return this.#access;
  }

  async #renew() {
    try {
      this.#take(await rest("POST", "auth/refresh", { body: { refresh_token: this.#refresh } }));
    } catch (error) {
      throw error instanceof Refused ? new SessionOver("Your session has ended. Please log in again.") : error;
    }
  }

  async me() {
    return rest("GET", "users/me?fields=id,first_name,last_name", { token: await this.token() });
  }

  // The access token stays valid until it expires; forgetting it is all one can do.
  async logout() {
    this.forget();
    await this.#renewal?.catch(() => {});
    await rest("POST", "auth/logout", { body: { refresh_token: this.#refresh } });
  }

  forget() {
    this.#forgotten = true;
    if (sessionStorage.getItem("refresh_token") === this.#refresh) sessionStorage.removeItem("refresh_token");
  }
}
