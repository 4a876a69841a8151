internal import GRPC

/// Paging by AIP-158: a token says which list it belongs to and after which element it goes on.
struct Page {
  let size: Int
  /// The last element of the page before. Nil: from the beginning.
  let after: String?
  private let scope: String

  /// - Parameter scope: the call with all that selects its elements: a token of another one is refused.
  init(size: Int32, token: String, scope: String) throws(RPCError) {
    guard size >= 0 else { throw .invalid("page_size", "\(size) is negative") }
    self.size = size == 0 ? 50 : min(Int(size), 1000)
    self.scope = scope
    if token.isEmpty {
      after = nil
    } else {
      let prefix = scope + "\n"
      guard let text = Self.decode(token), text.hasPrefix(prefix) else {
        throw .invalid("page_token", "this list did not give it out", reason: "BAD_PAGE_TOKEN")
      }
      after = String(text.dropFirst(prefix.count))
    }
  }

  func refuse() -> RPCError {
    .invalid("page_token", "this list did not give it out", reason: "BAD_PAGE_TOKEN")
  }

  /// The token for what follows an element.
  func token(after element: String) -> String {
    Self.encode(scope + "\n" + element)
  }

  /// One page of a sorted list: at most `size` elements whose keys follow the token's.
  func cut<Element>(_ all: [Element], key: (Element) -> String) -> (page: [Element], next: String) {
    let rest = after.map { after in all.drop { key($0) <= after } } ?? all[...]
    let page = Array(rest.prefix(size))
    guard rest.count > page.count, let last = page.last else { return (page, "") }
    return (page, token(after: key(last)))
  }

  private static let digits = Array("0123456789abcdef")

  private static func encode(_ text: String) -> String {
    String(text.utf8.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  private static func decode(_ token: String) -> String? {
    let nibbles = token.compactMap { digits.firstIndex(of: $0) }
    guard nibbles.count == token.count, nibbles.count % 2 == 0, nibbles.count <= 8192 else {
      return nil
    }
    let bytes = stride(from: 0, to: nibbles.count, by: 2).map {
      UInt8(nibbles[$0] << 4 | nibbles[$0 + 1])
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
