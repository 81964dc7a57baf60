// What the contenders call their queues, so that whoever fills or counts one from outside finds the same.
export const tutorialQueue = 'events';
export const bossQueue = 'events';
export const graphileTask = 'event';
