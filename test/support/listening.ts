import { readdir, readFile, readlink } from 'node:fs/promises'

/** State `LISTEN` in /proc/net/tcp. */
const LISTEN = '0A'

/** Addresses on which a process of Linux can be reached, IPv6 as the kernel writes it. */
export async function listeningAddresses(pid: number): Promise<string[]> {
  const descriptors = await readdir(`/proc/${pid}/fd`)
  const links = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
  const own = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')))
  return tables
    .flatMap((table) => table.trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode = '']) => state === LISTEN && own.has(inode))
    .map(([, local = '']) => readable(local.split(':')[0] ?? ''))
}

/** IPv4 is written as one number in the order of this machine's bytes. */
function readable(hex: string): string {
  return hex.length === 8 ? [...Buffer.from(hex, 'hex')].toReversed().join('.') : hex
}
