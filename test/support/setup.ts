// A worker whose Vitest has ended runs on as long as anything in it listens: it ends as well, and its Lambdas with it.
process.once('disconnect', () => process.exit(1))
