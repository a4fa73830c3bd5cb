/**
 * How often SQS lets a message be received before it becomes a dead letter. Waiting work is sent again, so this counts crashes and
 * outages, but also each time that Lambda had no room for the consumer: a hundred, six minutes apart, are ten hours.
 */
export const maxReceiveCount = 100
