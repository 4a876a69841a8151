/// Holds a field whose message may contain its own type again, which a struct can't hold in place.
@propertyWrapper
public struct Indirect<Wrapped> {
  /// Empty, or one value: an array keeps its elements elsewhere.
  private var storage: [Wrapped]

  /// Holds a value, or none.
  public init(wrappedValue: Wrapped?) { storage = wrappedValue.map { [$0] } ?? [] }

  /// The field.
  public var wrappedValue: Wrapped? {
    get { storage.first }
    set { storage = newValue.map { [$0] } ?? [] }
  }
}

extension Indirect: Sendable where Wrapped: Sendable {}
extension Indirect: Equatable where Wrapped: Equatable {}
extension Indirect: Hashable where Wrapped: Hashable {}
