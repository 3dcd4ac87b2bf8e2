export const none = undefined;
