/** A base URL without the slashes at its end, for a path to follow. */
export const withoutSlash = (url: string) => url.replace(/\/+$/, '')
