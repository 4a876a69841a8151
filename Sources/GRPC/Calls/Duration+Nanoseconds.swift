extension Duration {
  /// Rounded towards zero; saturates at 292 years.
  package var wholeNanoseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000) }
}
