// The loads of `fanout`.
export const LOADS = [
  { title: '1 room of 1,000, 300 messages/s', conns: 1000, rooms: 1, publishers: 10, rate: 300 },
  { title: '1 room of 1,000, 1,000 messages/s', conns: 1000, rooms: 1, publishers: 10, rate: 1000 },
  {
    title: '500 rooms of 2, 5,000 messages/s',
    conns: 1000,
    rooms: 500,
    publishers: 1000,
    rate: 5000,
  },
];
