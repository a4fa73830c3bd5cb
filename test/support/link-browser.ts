type Page = { url: string; status: number; text: string }

/** A browser as far as links need one: it keeps cookies, goes where it is sent, and follows links by their text. */
export function createLinkBrowser() {
  const cookies = new Map<string, string>()

  async function open(url: string): Promise<Page> {
    const { origin } = new URL(url)
    const response = await fetch(url, { redirect: 'manual', headers: { cookie: cookies.get(origin) ?? '' } })
    const [cookie] = response.headers.getSetCookie()
    if (cookie) cookies.set(origin, cookie.split(';')[0]!)
    const location = response.headers.get('location')
    if (location) return open(new URL(location, url).href)
    return { url, status: response.status, text: await response.text() }
  }

  return {
    open,
    follow({ url, text }: Page, link: string) {
      const [, href = ''] = new RegExp(`href="([^"]+)">${link}<`).exec(text) ?? []
      return open(
        new URL(
          href.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code))),
          url,
        ).href,
      )
    },
  }
}
