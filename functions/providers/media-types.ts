/** The media type of a file by how its name ends, or else its address; undefined where neither tells. */
export function mediaTypeOf(name: string | undefined, url: string): string | undefined {
  for (const path of [name, URL.parse(url)?.pathname]) {
    const ending = path?.match(/\.([a-z\d]{2,5})$/i)?.[1]?.toLowerCase()
    const type = ending && types.get(ending)
    if (type) return type
    // A name with another ending is of another type, whatever the address looks like.
    if (ending && /[a-z]/.test(ending) && path === name) return `application/x-${ending}`
  }
  return undefined
}

// As IANA registers them, or browsers name them.
const types = new Map([
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['jpe', 'image/jpeg'],
  ['jfif', 'image/jpeg'],
  ['png', 'image/png'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['heic', 'image/heic'],
  ['heif', 'image/heif'],
  ['avif', 'image/avif'],
  ['svg', 'image/svg+xml'],
  ['bmp', 'image/bmp'],
  ['tif', 'image/tiff'],
  ['tiff', 'image/tiff'],
  ['mp3', 'audio/mpeg'],
  ['m4a', 'audio/mp4'],
  ['aac', 'audio/aac'],
  ['amr', 'audio/amr'],
  ['ogg', 'audio/ogg'],
  ['oga', 'audio/ogg'],
  ['opus', 'audio/ogg'],
  ['wav', 'audio/wav'],
  ['flac', 'audio/flac'],
  ['mp4', 'video/mp4'],
  ['m4v', 'video/x-m4v'],
  ['3gp', 'video/3gpp'],
  ['3gpp', 'video/3gpp'],
  ['mov', 'video/quicktime'],
  ['webm', 'video/webm'],
  ['avi', 'video/x-msvideo'],
  ['mkv', 'video/x-matroska'],
  ['mpg', 'video/mpeg'],
  ['mpeg', 'video/mpeg'],
  ['pdf', 'application/pdf'],
  ['txt', 'text/plain'],
  ['csv', 'text/csv'],
  ['vcf', 'text/vcard'],
  ['ics', 'text/calendar'],
  ['rtf', 'application/rtf'],
  ['zip', 'application/zip'],
  ['doc', 'application/msword'],
  ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['xls', 'application/vnd.ms-excel'],
  ['xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  ['ppt', 'application/vnd.ms-powerpoint'],
  ['pptx', 'application/vnd.openxmlformats-officedocument.presentationml.presentation'],
])
