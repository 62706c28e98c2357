/**
 * Of processes that open the embedded database in a test. Its WebAssembly is compiled anew in each of them, and to
 * optimize it takes longer than most tests use it.
 */
export const NODE_FLAGS = ['--liftoff-only']
