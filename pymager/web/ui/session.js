// Who is signed in. The credentials are kept for this tab only, and end with it.

const KEY = "pymager.session";

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

class Session extends EventTarget {
  #held = stored();

  get authorization() {
    return this.#held.authorization ?? null;
  }

  get user() {
    return this.#held.user ?? null;
  }

  begin(user, authorization) {
    this.#held = { user, authorization };
    try {
      sessionStorage.setItem(KEY, JSON.stringify(this.#held));
    } catch {
      // The browser stores nothing: the session ends with the page.
    }
    this.dispatchEvent(new Event("change"));
  }

  /** Ends the session, because somebody signs out, or because the server refuses the credentials. */
  end(reason = null) {
    this.#held = {};
    sessionStorage.removeItem(KEY);
    this.dispatchEvent(new CustomEvent("change", { detail: reason }));
  }
}

export const session = new Session();

export function basic(name, password) {
  const octets = new TextEncoder().encode(`${name}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...octets))}`;
}

export const bearer = (token) => `Bearer ${token}`;
