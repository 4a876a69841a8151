import DequeModule

/// A queue that tends to hold no more than one element, for which it allocates nothing.
struct ShortQueue<Element> {
  /// Nil: there is none at all.
  private(set) var first: Element?
  private var others: Deque<Element> = []

  var isEmpty: Bool { first == nil }
  var count: Int { isEmpty ? 0 : 1 + others.count }

  mutating func append(_ element: Element) {
    if isEmpty { first = element } else { others.append(element) }
  }

  mutating func popFirst() -> Element? {
    let taken = first.take()
    if !others.isEmpty { first = others.removeFirst() }
    return taken
  }
}

extension ShortQueue: Sendable where Element: Sendable {}
