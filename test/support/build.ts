import { execFileSync } from 'node:child_process'

/** Builds the library and the worker bundles once per test run: threads run from dist, as in production. */
export default function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' })
}
