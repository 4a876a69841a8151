internal import BackupModel

/// What is to happen, by time; at equal times in the order in which it was put in. A binary heap.
struct EventQueue<Element> {
  private struct Entry {
    let time: Int64
    let order: UInt64
    let element: Element

    @inline(__always)
    static func < (left: Entry, right: Entry) -> Bool {
      left.time == right.time ? left.order < right.order : left.time < right.time
    }
  }

  private var heap: [Entry] = []
  private var nextOrder: UInt64 = 0

  mutating func put(_ element: Element, at time: Timestamp) {
    heap.append(
      Entry(time: time.nanosecondsSinceEpoch, order: nextOrder, element: element))
    nextOrder += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child] < heap[parent] else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func take() -> (time: Timestamp, element: Element)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return (Timestamp(nanosecondsSinceEpoch: first.time), first.element)
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child] < heap[least] {
        least = child
      }
      guard least != parent else { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
