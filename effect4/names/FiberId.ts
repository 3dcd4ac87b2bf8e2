export const none = undefined
